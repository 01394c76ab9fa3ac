# A member that was removed while it was away comes back and disturbs nobody, however often it asks.
> members A B C D
> elect A
> cut D
> change A remove D
  A writes from 2 [1*]
> settle
> heal
> tick D 10
  D is pre-candidate in term 1
> deliver
D → A  pre-vote-request term 2 log 1:1
D → B  pre-vote-request term 2 log 1:1
D → C  pre-vote-request term 2 log 1:1
A → D  pre-vote-reply refused term 1
B → D  pre-vote-reply refused term 1
  D is follower in term 1
C → D  pre-vote-reply refused term 1
> tick A
> settle
> tick D 20
  D is pre-candidate in term 1
> deliver
D → A  pre-vote-request term 2 log 1:1
D → B  pre-vote-request term 2 log 1:1
D → C  pre-vote-request term 2 log 1:1
D → A  pre-vote-request term 2 log 1:1
D → B  pre-vote-request term 2 log 1:1
D → C  pre-vote-request term 2 log 1:1
A → D  pre-vote-reply refused term 1
B → D  pre-vote-reply refused term 1
  D is follower in term 1
C → D  pre-vote-reply refused term 1
A → D  pre-vote-reply refused term 1
B → D  pre-vote-reply refused term 1
C → D  pre-vote-reply refused term 1
> show
A leader term 1  log [1 1 1]  flushed 3 commit 3 applied 3 {}
  since 3: voters A B C
  B replicate match 3 next 4 on the way 0
  C replicate match 3 next 4 on the way 0
B follower term 1  log [1 1 1]  flushed 3 commit 3 applied 3 {}
  since 3: voters A B C
C follower term 1  log [1 1 1]  flushed 3 commit 3 applied 3 {}
  since 3: voters A B C
D follower term 1  log [1]  flushed 1 commit 1 applied 1 {}
