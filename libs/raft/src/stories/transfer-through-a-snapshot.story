# A target that needs a snapshot gets it, and stands when it has the log behind it too.
> members A B C
> elect A
> cut B
> propose A x
  A writes from 2 [1]
> propose A y
  A writes from 3 [1]
> settle
> compact A 3
> heal
> transfer A B
> tick A
> deliver
A → B  heartbeat 1 commit 1
A → C  heartbeat 1 commit 3
B → A  heartbeat-reply 1
C → A  heartbeat-reply 1
A → B  append behind 3:1 [] commit 3
B → A  rejected 3 hint 1:1
  A sends B a snapshot of 3 or later
A → B  snapshot 3:1
  B installs the snapshot of 3:1
  B begins its log anew behind 3:1
B → A  accepted 3
A → B  timeout-now
  B writes term 2 vote B
  B is candidate in term 2
B → A  vote-request term 2 log 3:1, told to stand
  A is done handing over: reign-ended
  A writes term 2 vote B
  A is follower in term 2
B → C  vote-request term 2 log 3:1, told to stand
  C writes term 2 vote B
  C is follower in term 2
A → B  vote-reply granted term 2
  B writes from 4 [2]
  B is leader in term 2 under B
C → B  vote-reply granted term 2
B → A  append behind 3:1 [2] commit 3
  A writes from 4 [2]
  A is follower in term 2 under B
B → C  append behind 3:1 [2] commit 3
  C writes from 4 [2]
  C is follower in term 2 under B
A → B  accepted 4
  B applies 4
  B writes from 5 [2*]
C → B  accepted 4
B → A  append behind 4:2 [2*] commit 4
  A writes from 5 [2*]
  A applies 4
B → C  append behind 4:2 [2*] commit 4
  C writes from 5 [2*]
  C applies 4
A → B  accepted 5
  B applies 5: voters A B C
C → B  accepted 5
B → A  commit 5:2
  A applies 5: voters A B C
B → C  commit 5:2
  C applies 5: voters A B C
> tick A
> deliver
> show A B
A follower term 2  log …3 [2 2]  flushed 5 commit 5 applied 5 {x y}
  since 5: voters A B C
B leader term 2  log …3 [2 2]  flushed 5 commit 5 applied 5 {x y}
  since 5: voters A B C
  A replicate match 5 next 6 on the way 0
  C replicate match 5 next 6 on the way 0
