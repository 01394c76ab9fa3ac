# The follower's own answer takes it out of waiting for a snapshot, though the report on it says that it failed (etcd#10308).
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
> fail-snapshot A C
> show A
A leader term 1  log …2 []  flushed 2 commit 2 applied 2 {a}
  B replicate match 2 next 3 on the way 0
  C probe match 1 next 2 on the way 0
> tick A
> deliver A C
A → C  heartbeat 2 commit 1
> deliver C A
C → A  heartbeat-reply 2
  A sends C a snapshot of 2 or later
> install C
  C begins its log anew behind 2:1
> deliver
A → B  heartbeat 2 commit 2
A → C  snapshot 2:1
  C does not need the snapshot of 2
C → A  accepted 2
B → A  heartbeat-reply 2
C → A  accepted 2
> show A C
A leader term 1  log …2 []  flushed 2 commit 2 applied 2 {a}
  B replicate match 2 next 3 on the way 0
  C replicate match 2 next 3 on the way 0
C follower term 1  log …2 []  flushed 2 commit 2 applied 2 {a}
