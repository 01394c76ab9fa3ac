# A change by one voter is one step: the new configuration takes effect where it is handed out, and counts from there.
> members A B spare C
> elect A
> change A add C voter
  A writes from 2 [1*]
> deliver
A → B  append behind 1:1 [1*] commit 1
  B writes from 2 [1*]
B → A  accepted 2
  A applies 2: voters A B C
  A writes from 3 [1*]
A → C  append behind 2:1 [] commit 2
  C writes term 1 vote -
  C is follower in term 1 under A
A → B  append behind 2:1 [1*] commit 2
  B writes from 3 [1*]
  B applies 2: voters A B C
C → A  rejected 2 hint 0:0
B → A  accepted 3
  A applies 3: voters A B C
A → C  append behind 0:0 [1 1* 1*] commit 2
  C writes from 1 [1 1* 1*]
  C applies 1 2: voters A B C
A → B  commit 3:1
  B applies 3: voters A B C
C → A  accepted 3
A → C  commit 3:1
  C applies 3: voters A B C
> show
A leader term 1  log [1 1 1]  flushed 3 commit 3 applied 3 {}
  since 3: voters A B C
  B replicate match 3 next 4 on the way 0
  C replicate match 3 next 4 on the way 0
B follower term 1  log [1 1 1]  flushed 3 commit 3 applied 3 {}
  since 3: voters A B C
C follower term 1  log [1 1 1]  flushed 3 commit 3 applied 3 {}
  since 3: voters A B C
