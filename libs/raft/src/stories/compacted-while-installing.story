# What is committed while a snapshot is installed comes from the log; if the log was compacted beyond the snapshot, by another one.
> members A B C
> elect A
> cut C
> propose A a
  A writes from 2 [1]
> settle
> compact A 2
> heal
> hold install C
> tick A
> deliver
A → B  heartbeat 1 commit 2
A → C  heartbeat 1 commit 1
B → A  heartbeat-reply 1
C → A  heartbeat-reply 1
A → C  append behind 2:1 [] commit 2
C → A  rejected 2 hint 1:1
  A sends C a snapshot of 2 or later
A → C  snapshot 2:1
  C installs the snapshot of 2:1
> propose A b
  A writes from 3 [1]
> settle
> compact A 3
> install C
  C begins its log anew behind 2:1
> deliver
C → A  accepted 2
  A sends C a snapshot of 3 or later
A → C  snapshot 3:1
  C installs the snapshot of 3:1
> tick A
> deliver
A → B  heartbeat 2 commit 3
A → C  heartbeat 2 commit 2
B → A  heartbeat-reply 2
C → A  heartbeat-reply 2
> install C
  C begins its log anew behind 3:1
> deliver
C → A  accepted 3
A → C  commit 3:1
> tick A
> settle
> show
A leader term 1  log …3 []  flushed 3 commit 3 applied 3 {a b}
  B replicate match 3 next 4 on the way 0
  C replicate match 3 next 4 on the way 0
B follower term 1  log [1 1 1]  flushed 3 commit 3 applied 3 {a b}
C follower term 1  log …3 []  flushed 3 commit 3 applied 3 {a b}
