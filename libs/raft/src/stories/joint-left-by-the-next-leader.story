# A joint configuration whose leader is gone is left by the next one, as soon as that has committed in its own term.
> members A B C spare D E
> elect A
> change A add D voter add E voter remove C
  A writes from 2 [1*]
> deliver A B
A → B  append behind 1:1 [1*] commit 1
  B writes from 2 [1*]
> deliver B A
B → A  accepted 2
  A applies 2: voters A B D E, and A B C
  A writes from 3 [1*]
> lose A
A ↛ C  append behind 1:1 [1*] commit 1
A ↛ D  append behind 2:1 [] commit 2
A ↛ E  append behind 2:1 [] commit 2
A ↛ B  append behind 2:1 [1*] commit 2
A ↛ C  append behind 2:1 [1*] commit 2
> cut A
> tick B 20
  B is pre-candidate in term 1
> tick C 10
  C is pre-candidate in term 1
> tick B
> deliver
B → C  pre-vote-request term 2 log 2:1
B → C  pre-vote-request term 2 log 2:1
C → B  pre-vote-request term 2 log 1:1
C → B  pre-vote-reply granted term 2
  B writes term 2 vote B
  B is candidate in term 2
C → B  pre-vote-reply granted term 2
B → C  pre-vote-reply refused term 1
B → C  vote-request term 2 log 2:1
  C writes term 2 vote B
  C is follower in term 2
C → B  vote-reply granted term 2
  B writes from 3 [2]
  B is leader in term 2 under B
B → C  append behind 2:1 [2] commit 1
  C is follower in term 2 under B
C → B  rejected 2 hint 1:1
B → C  append behind 1:1 [1* 2] commit 1
  C writes from 2 [1* 2]
C → B  accepted 3
  B applies 2 3: voters A B D E, and A B C
  B writes from 4 [2*]
B → D  append behind 3:2 [] commit 3
  D writes term 2 vote -
  D is follower in term 2 under B
B → E  append behind 3:2 [] commit 3
  E writes term 2 vote -
  E is follower in term 2 under B
B → C  append behind 3:2 [2*] commit 3
  C writes from 4 [2*]
  C applies 2 3: voters A B D E, and A B C
D → B  rejected 3 hint 0:0
E → B  rejected 3 hint 0:0
C → B  accepted 4
B → D  append behind 0:0 [1 1* 2 2*] commit 3
  D writes from 1 [1 1* 2 2*]
  D applies 1 2 3: voters A B D E, and A B C
B → E  append behind 0:0 [1 1* 2 2*] commit 3
  E writes from 1 [1 1* 2 2*]
  E applies 1 2 3: voters A B D E, and A B C
D → B  accepted 4
E → B  accepted 4
  B applies 4: voters A B D E
  B writes from 5 [2*]
B → C  commit 4:2
  C applies 4: voters A B D E
B → D  append behind 4:2 [2*] commit 4
  D writes from 5 [2*]
  D applies 4: voters A B D E
B → E  append behind 4:2 [2*] commit 4
  E writes from 5 [2*]
  E applies 4: voters A B D E
D → B  accepted 5
E → B  accepted 5
  B applies 5: voters A B D E
B → D  commit 5:2
  D applies 5: voters A B D E
B → E  commit 5:2
  E applies 5: voters A B D E
> tick B
> deliver
B → D  heartbeat 1 commit 5
B → E  heartbeat 1 commit 5
D → B  heartbeat-reply 1
E → B  heartbeat-reply 1
> show B D E
B leader term 2  log [1 1 2 2 2]  flushed 5 commit 5 applied 5 {}
  since 5: voters A B D E
  A probe match 0 next 3 on the way 0
  D replicate match 5 next 6 on the way 0
  E replicate match 5 next 6 on the way 0
D follower term 2  log [1 1 2 2 2]  flushed 5 commit 5 applied 5 {}
  since 5: voters A B D E
E follower term 2  log [1 1 2 2 2]  flushed 5 commit 5 applied 5 {}
  since 5: voters A B D E
