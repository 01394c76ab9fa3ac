# In a joint configuration the reign goes to a voter that stays, with the votes of both halves, and the new leader leaves the joint one.
> members A B C spare D E
> elect A
> change A add D voter add E voter remove B remove C
  A writes from 2 [1*]
> deliver A B
A → B  append behind 1:1 [1*] commit 1
  B writes from 2 [1*]
> deliver B A
B → A  accepted 2
  A applies 2: voters A D E, and A B C
  A writes from 3 [1*]
> transfer A B
  A does not hand over: not-a-voter
> transfer A D
> deliver
A → C  append behind 1:1 [1*] commit 1
  C writes from 2 [1*]
A → D  append behind 2:1 [] commit 2
  D writes term 1 vote -
  D is follower in term 1 under A
A → E  append behind 2:1 [] commit 2
  E writes term 1 vote -
  E is follower in term 1 under A
A → B  append behind 2:1 [1*] commit 2
  B writes from 3 [1*]
  B applies 2: voters A D E, and A B C
A → C  append behind 2:1 [1*] commit 2
  C writes from 3 [1*]
  C applies 2: voters A D E, and A B C
C → A  accepted 2
D → A  rejected 2 hint 0:0
E → A  rejected 2 hint 0:0
B → A  accepted 3
C → A  accepted 3
A → D  append behind 0:0 [1 1* 1*] commit 2
  D writes from 1 [1 1* 1*]
  D applies 1 2: voters A D E, and A B C
A → E  append behind 0:0 [1 1* 1*] commit 2
  E writes from 1 [1 1* 1*]
  E applies 1 2: voters A D E, and A B C
D → A  accepted 3
  A applies 3: voters A D E
E → A  accepted 3
A → D  timeout-now
  D writes term 2 vote D
  D is candidate in term 2
A → B  commit 3:1
  B applies 3: voters A D E
A → C  commit 3:1
  C applies 3: voters A D E
A → D  commit 3:1
A → E  commit 3:1
  E applies 3: voters A D E
D → A  vote-request term 2 log 3:1, told to stand
  A is done handing over: reign-ended
  A writes term 2 vote D
  A is follower in term 2
D → E  vote-request term 2 log 3:1, told to stand
  E writes term 2 vote D
  E is follower in term 2
D → B  vote-request term 2 log 3:1, told to stand
  B writes term 2 vote D
  B is follower in term 2
D → C  vote-request term 2 log 3:1, told to stand
  C writes term 2 vote D
  C is follower in term 2
D → A  stale-term 2
A → D  vote-reply granted term 2
E → D  vote-reply granted term 2
B → D  vote-reply granted term 2
  D writes from 4 [2]
  D is leader in term 2 under D
C → D  vote-reply granted term 2
D → A  append behind 3:1 [2] commit 2
  A writes from 4 [2]
  A is follower in term 2 under D
D → B  append behind 3:1 [2] commit 2
  B writes from 4 [2]
  B is follower in term 2 under D
D → C  append behind 3:1 [2] commit 2
  C writes from 4 [2]
  C is follower in term 2 under D
D → E  append behind 3:1 [2] commit 2
  E writes from 4 [2]
  E is follower in term 2 under D
A → D  accepted 4
B → D  accepted 4
  D applies 3 4: voters A D E
  D writes from 5 [2*]
C → D  accepted 4
E → D  accepted 4
D → B  commit 3:1
D → C  commit 3:1
D → A  append behind 4:2 [2*] commit 4
  A writes from 5 [2*]
  A applies 4
D → E  append behind 4:2 [2*] commit 4
  E writes from 5 [2*]
  E applies 4
A → D  accepted 5
  D applies 5: voters A D E
E → D  accepted 5
D → A  commit 5:2
  A applies 5: voters A D E
D → E  commit 5:2
  E applies 5: voters A D E
> show
A follower term 2  log [1 1 1 2 2]  flushed 5 commit 5 applied 5 {}
  since 5: voters A D E
B follower term 2  log [1 1 1 2]  flushed 4 commit 3 applied 3 {}
  since 3: voters A D E
C follower term 2  log [1 1 1 2]  flushed 4 commit 3 applied 3 {}
  since 3: voters A D E
D leader term 2  log [1 1 1 2 2]  flushed 5 commit 5 applied 5 {}
  since 5: voters A D E
  A replicate match 5 next 6 on the way 0
  E replicate match 5 next 6 on the way 0
E follower term 2  log [1 1 1 2 2]  flushed 5 commit 5 applied 5 {}
  since 5: voters A D E
