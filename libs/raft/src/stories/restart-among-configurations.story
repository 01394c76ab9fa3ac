# Of two configurations in a log the first is committed, though nobody says so: a member that restarts adopts it before it stands.
> members A B C spare D E
> elect A
> change A add D voter add E voter
  A writes from 2 [1*]
> deliver A
A → B  append behind 1:1 [1*] commit 1
  B writes from 2 [1*]
A → C  append behind 1:1 [1*] commit 1
  C writes from 2 [1*]
> deliver B A
B → A  accepted 2
  A applies 2: voters A B C D E, and A B C
  A writes from 3 [1*]
> deliver A B
A → B  append behind 2:1 [1*] commit 2
  B writes from 3 [1*]
  B applies 2: voters A B C D E, and A B C
> show B
B follower term 1  log [1 1 1]  flushed 3 commit 2 applied 2 {}
  since 2: voters A B C D E, and A B C
> restart B 3
> show B
B follower term 1  log [1 1 1]  flushed 3 commit 2 applied 0 {}
> cut A
> tick B 10
  B reads its log from 1 to 2
  B applies 1 2: voters A B C D E, and A B C
  B is pre-candidate in term 1
> lose B A
> deliver B
B → C  pre-vote-request term 2 log 3:1
B → D  pre-vote-request term 2 log 3:1
B → E  pre-vote-request term 2 log 3:1
