# A member is replaced in one change: who comes and who goes are both in it, and who goes hears of it.
> members A B C spare D
> elect A
> change A add D voter remove C
  A writes from 2 [1*]
> deliver
A → B  append behind 1:1 [1*] commit 1
  B writes from 2 [1*]
A → C  append behind 1:1 [1*] commit 1
  C writes from 2 [1*]
B → A  accepted 2
  A applies 2: voters A B D, and A B C
  A writes from 3 [1*]
C → A  accepted 2
A → D  append behind 2:1 [] commit 2
  D writes term 1 vote -
  D is follower in term 1 under A
A → B  append behind 2:1 [1*] commit 2
  B writes from 3 [1*]
  B applies 2: voters A B D, and A B C
A → C  append behind 2:1 [1*] commit 2
  C writes from 3 [1*]
  C applies 2: voters A B D, and A B C
D → A  rejected 2 hint 0:0
B → A  accepted 3
  A applies 3: voters A B D
  A writes from 4 [1*]
C → A  accepted 3
A → D  append behind 0:0 [1 1* 1*] commit 2
  D writes from 1 [1 1* 1*]
  D applies 1 2: voters A B D, and A B C
A → C  commit 3:1
  C applies 3: voters A B D
A → B  append behind 3:1 [1*] commit 3
  B writes from 4 [1*]
  B applies 3: voters A B D
D → A  accepted 3
B → A  accepted 4
  A applies 4: voters A B D
A → D  append behind 3:1 [1*] commit 3
  D writes from 4 [1*]
  D applies 3: voters A B D
A → B  commit 4:1
  B applies 4: voters A B D
A → D  commit 4:1
  D applies 4: voters A B D
D → A  accepted 4
> show
A leader term 1  log [1 1 1 1]  flushed 4 commit 4 applied 4 {}
  since 4: voters A B D
  B replicate match 4 next 5 on the way 0
  D replicate match 4 next 5 on the way 0
B follower term 1  log [1 1 1 1]  flushed 4 commit 4 applied 4 {}
  since 4: voters A B D
C follower term 1  log [1 1 1]  flushed 3 commit 3 applied 3 {}
  since 3: voters A B D
D follower term 1  log [1 1 1 1]  flushed 4 commit 4 applied 4 {}
  since 4: voters A B D
> tick C 50
  C is follower in term 1
> deliver
