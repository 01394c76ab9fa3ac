# A leader that was removed does not leave before a quorum knows: whoever does not answer was not told.
> members A B C
> elect A
> change A remove A
  A writes from 2 [1*]
> deliver A B
A → B  append behind 1:1 [1*] commit 1
  B writes from 2 [1*]
> deliver B A
B → A  accepted 2
  A applies 2: voters B C
> lose A
A ↛ C  append behind 1:1 [1*] commit 1
A ↛ B  commit 2:1
A ↛ C  commit 2:1
> tick A
> lose A C
A ↛ C  heartbeat 1 commit 1
> deliver
A → B  heartbeat 1 commit 2
  B applies 2: voters B C
B → A  heartbeat-reply 1
> show A
A leader term 1  log [1 1]  flushed 2 commit 2 applied 2 {}
  since 2: voters B C
  B replicate match 2 next 3 on the way 0
  C replicate match 1 next 3 on the way 1
> tick A
> deliver
A → B  heartbeat 2 commit 2
A → C  heartbeat 2 commit 1
B → A  heartbeat-reply 2
C → A  heartbeat-reply 2
A → C  append behind 2:1 [] commit 2
C → A  rejected 2 hint 1:1
A → C  append behind 1:1 [1*] commit 2
  C writes from 2 [1*]
  C applies 2: voters B C
C → A  accepted 2
