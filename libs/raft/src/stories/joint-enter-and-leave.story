# Two voters more are two halves for a while: both have to agree, and the leader leaves the joint configuration by itself.
> members A spare B C
> elect A
> change A add B voter add C voter
  A writes from 2 [1*]
  A applies 2: voters A B C, and A
  A writes from 3 [1*]
> propose A x
  A writes from 4 [1]
> deliver A B
A → B  append behind 2:1 [] commit 2
  B writes term 1 vote -
  B is follower in term 1 under A
> deliver B A
B → A  rejected 2 hint 0:0
> deliver
A → C  append behind 2:1 [] commit 2
  C writes term 1 vote -
  C is follower in term 1 under A
A → B  append behind 0:0 [1 1* 1* 1] commit 2
  B writes from 1 [1 1* 1* 1]
  B applies 1 2: voters A B C, and A
C → A  rejected 2 hint 0:0
B → A  accepted 4
  A applies 3 4: voters A B C
  A writes from 5 [1*]
A → C  append behind 0:0 [1 1* 1* 1] commit 2
  C writes from 1 [1 1* 1* 1]
  C applies 1 2: voters A B C, and A
A → B  append behind 4:1 [1*] commit 4
  B writes from 5 [1*]
  B applies 3 4: voters A B C
C → A  accepted 4
B → A  accepted 5
  A applies 5: voters A B C
A → C  append behind 4:1 [1*] commit 4
  C writes from 5 [1*]
  C applies 3 4: voters A B C
A → B  commit 5:1
  B applies 5: voters A B C
A → C  commit 5:1
  C applies 5: voters A B C
C → A  accepted 5
> show
A leader term 1  log [1 1 1 1 1]  flushed 5 commit 5 applied 5 {x}
  since 5: voters A B C
  B replicate match 5 next 6 on the way 0
  C replicate match 5 next 6 on the way 0
B follower term 1  log [1 1 1 1 1]  flushed 5 commit 5 applied 5 {x}
  since 5: voters A B C
C follower term 1  log [1 1 1 1 1]  flushed 5 commit 5 applied 5 {x}
  since 5: voters A B C
