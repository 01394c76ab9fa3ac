# A follower that lacks what the log let go of is sent a snapshot, and the log from there on.
> members A B C
> elect A
> cut C
> propose A a
  A writes from 2 [1]
> propose A b
  A writes from 3 [1]
> settle
> compact A 2
> heal
> propose A c
  A writes from 4 [1]
> tick A
> deliver
A → B  append behind 3:1 [1] commit 3
  B writes from 4 [1]
A → C  append behind 3:1 [1] commit 3
A → B  heartbeat 1 commit 3
A → C  heartbeat 1 commit 1
B → A  accepted 4
  A applies 4
C → A  rejected 3 hint 1:1
  A sends C a snapshot of 2 or later
B → A  heartbeat-reply 1
C → A  heartbeat-reply 1
A → B  commit 4:1
  B applies 4
A → C  commit 4:1
A → C  snapshot 4:1
  C installs the snapshot of 4:1
  C begins its log anew behind 4:1
C → A  accepted 4
> show
A leader term 1  log …2 [1 1]  flushed 4 commit 4 applied 4 {a b c}
  B replicate match 4 next 5 on the way 0
  C replicate match 4 next 5 on the way 0
B follower term 1  log [1 1 1 1]  flushed 4 commit 4 applied 4 {a b c}
C follower term 1  log …4 []  flushed 4 commit 4 applied 4 {a b c}
