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
  A writes from 3 [1*]
> lose A
A ↛ C  append behind 1:1 [1*] commit 1
A ↛ B  append behind 2:1 [1*] commit 2
A ↛ C  append behind 2:1 [1*] commit 2
> tick A
> lose A C
A ↛ C  heartbeat 1 commit 1
> deliver
A → B  heartbeat 1 commit 2
  B applies 2: voters B C
B → A  heartbeat-reply 1
A → B  append behind 3:1 [] commit 2
B → A  rejected 3 hint 2:1
A → B  append behind 2:1 [1*] commit 2
  B writes from 3 [1*]
B → A  accepted 3
> show A
A leader term 1  log [1 1 1]  flushed 3 commit 2 applied 2 {}
  since 2: voters B C
  B replicate match 3 next 4 on the way 0
  C replicate match 1 next 4 on the way 2
> tick A
> deliver
A → B  heartbeat 2 commit 2
A → C  heartbeat 2 commit 1
B → A  heartbeat-reply 2
C → A  heartbeat-reply 2
A → C  append behind 3:1 [] commit 2
C → A  rejected 3 hint 1:1
A → C  append behind 1:1 [1* 1*] commit 2
  C writes from 2 [1* 1*]
  C applies 2: voters B C
C → A  accepted 3
  A applies 3: voters B C
A → B  commit 3:1
  B applies 3: voters B C
A → C  commit 3:1
  C applies 3: voters B C
