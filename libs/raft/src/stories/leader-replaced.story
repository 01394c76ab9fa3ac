# A leader that is replaced by another member leaves through the joint configuration, and leads until that is left.
> members A B C spare D
> elect A
> change A remove A add D voter
  A writes from 2 [1*]
> deliver
A → B  append behind 1:1 [1*] commit 1
  B writes from 2 [1*]
A → C  append behind 1:1 [1*] commit 1
  C writes from 2 [1*]
B → A  accepted 2
  A applies 2: voters B C D, and A B C
  A writes from 3 [1*]
C → A  accepted 2
A → D  append behind 2:1 [] commit 2
  D writes term 1 vote -
  D is follower in term 1 under A
A → B  append behind 2:1 [1*] commit 2
  B writes from 3 [1*]
  B applies 2: voters B C D, and A B C
A → C  append behind 2:1 [1*] commit 2
  C writes from 3 [1*]
  C applies 2: voters B C D, and A B C
D → A  rejected 2 hint 0:0
B → A  accepted 3
C → A  accepted 3
  A applies 3: voters B C D
  A writes from 4 [1*]
A → D  append behind 0:0 [1 1* 1*] commit 2
  D writes from 1 [1 1* 1*]
  D applies 1 2: voters B C D, and A B C
A → B  append behind 3:1 [1*] commit 3
  B writes from 4 [1*]
  B applies 3: voters B C D
A → C  append behind 3:1 [1*] commit 3
  C writes from 4 [1*]
  C applies 3: voters B C D
D → A  accepted 3
B → A  accepted 4
C → A  accepted 4
  A applies 4: voters B C D
A → D  append behind 3:1 [1*] commit 3
  D writes from 4 [1*]
  D applies 3: voters B C D
A → B  commit 4:1
  B applies 4: voters B C D
A → C  commit 4:1
  C applies 4: voters B C D
A → D  commit 4:1
  D applies 4: voters B C D
D → A  accepted 4
> tick A
> deliver
A → B  heartbeat 1 commit 4
A → C  heartbeat 1 commit 4
A → D  heartbeat 1 commit 4
B → A  heartbeat-reply 1
C → A  heartbeat-reply 1
  A is follower in term 1
D → A  heartbeat-reply 1
A → B  timeout-now
  B writes term 2 vote B
  B is candidate in term 2
B → C  vote-request term 2 log 4:1, told to stand
  C writes term 2 vote B
  C is follower in term 2
B → D  vote-request term 2 log 4:1, told to stand
  D writes term 2 vote B
  D is follower in term 2
C → B  vote-reply granted term 2
  B writes from 5 [2]
  B is leader in term 2 under B
D → B  vote-reply granted term 2
B → C  append behind 4:1 [2] commit 4
  C writes from 5 [2]
  C is follower in term 2 under B
B → D  append behind 4:1 [2] commit 4
  D writes from 5 [2]
  D is follower in term 2 under B
C → B  accepted 5
  B applies 5
D → B  accepted 5
B → C  commit 5:2
  C applies 5
B → D  commit 5:2
  D applies 5
> show
A follower term 1  log [1 1 1 1]  flushed 4 commit 4 applied 4 {}
  since 4: voters B C D
B leader term 2  log [1 1 1 1 2]  flushed 5 commit 5 applied 5 {}
  since 4: voters B C D
  C replicate match 5 next 6 on the way 0
  D replicate match 5 next 6 on the way 0
C follower term 2  log [1 1 1 1 2]  flushed 5 commit 5 applied 5 {}
  since 4: voters B C D
D follower term 2  log [1 1 1 1 2]  flushed 5 commit 5 applied 5 {}
  since 4: voters B C D
