# A leader that was removed leads until a quorum knows it, takes nothing new meanwhile, and one that knows stands at once.
> members A B C
> elect A
> change A remove A
  A writes from 2 [1*]
> deliver
A → B  append behind 1:1 [1*] commit 1
  B writes from 2 [1*]
A → C  append behind 1:1 [1*] commit 1
  C writes from 2 [1*]
B → A  accepted 2
  A applies 2: voters B C
  A writes from 3 [1*]
C → A  accepted 2
A → B  append behind 2:1 [1*] commit 2
  B writes from 3 [1*]
  B applies 2: voters B C
A → C  append behind 2:1 [1*] commit 2
  C writes from 3 [1*]
  C applies 2: voters B C
B → A  accepted 3
C → A  accepted 3
  A applies 3: voters B C
A → B  commit 3:1
  B applies 3: voters B C
A → C  commit 3:1
  C applies 3: voters B C
> show A
A leader term 1  log [1 1 1]  flushed 3 commit 3 applied 3 {}
  since 3: voters B C
  B replicate match 3 next 4 on the way 0
  C replicate match 3 next 4 on the way 0
> propose A late
  A refuses the proposal: transferring
> change A add A voter
  A refuses the change: transferring
> transfer A B
  A does not hand over: transferring
> tick A
> deliver
A → B  heartbeat 1 commit 3
A → C  heartbeat 1 commit 3
B → A  heartbeat-reply 1
C → A  heartbeat-reply 1
  A is follower in term 1
A → B  timeout-now
  B writes term 2 vote B
  B is candidate in term 2
B → C  vote-request term 2 log 3:1, told to stand
  C writes term 2 vote B
  C is follower in term 2
C → B  vote-reply granted term 2
  B writes from 4 [2]
  B is leader in term 2 under B
B → C  append behind 3:1 [2] commit 3
  C writes from 4 [2]
  C is follower in term 2 under B
C → B  accepted 4
  B applies 4
B → C  commit 4:2
  C applies 4
> show
A follower term 1  log [1 1 1]  flushed 3 commit 3 applied 3 {}
  since 3: voters B C
B leader term 2  log [1 1 1 2]  flushed 4 commit 4 applied 4 {}
  since 3: voters B C
  C replicate match 4 next 5 on the way 0
C follower term 2  log [1 1 1 2]  flushed 4 commit 4 applied 4 {}
  since 3: voters B C
> tick A 50
> deliver
