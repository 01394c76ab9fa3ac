# A learner whose leader's log begins later is sent a snapshot, the configuration with it, and is made a voter when it has caught up.
> members A B C spare D promotion 3
> elect A
> propose A x
  A writes from 2 [1]
> propose A y
  A writes from 3 [1]
> settle
> compact A 3
> change A add D
  A writes from 4 [1*]
> deliver A
A → B  append behind 3:1 [1*] commit 3
  B writes from 4 [1*]
A → C  append behind 3:1 [1*] commit 3
  C writes from 4 [1*]
> deliver
B → A  accepted 4
  A applies 4: voters A B C, learners D, joining D
C → A  accepted 4
A → D  append behind 4:1 [] commit 4
  D writes term 1 vote -
  D is follower in term 1 under A
A → B  commit 4:1
  B applies 4: voters A B C, learners D, joining D
A → C  commit 4:1
  C applies 4: voters A B C, learners D, joining D
D → A  rejected 4 hint 0:0
  A sends D a snapshot of 3 or later
A → D  snapshot 4:1
  D installs the snapshot of 4:1
  D begins its log anew behind 4:1
D → A  accepted 4
> tick A
> deliver
A → B  heartbeat 1 commit 4
A → C  heartbeat 1 commit 4
A → D  heartbeat 1 commit 4
B → A  heartbeat-reply 1
C → A  heartbeat-reply 1
D → A  heartbeat-reply 1
> show A D
A leader term 1  log …3 [1]  flushed 4 commit 4 applied 4 {x y}
  since 4: voters A B C, learners D, joining D
  B replicate match 4 next 5 on the way 0
  C replicate match 4 next 5 on the way 0
  D replicate match 4 next 5 on the way 0
D follower term 1  log …4 []  flushed 4 commit 4 applied 4 {x y}
  since 4: voters A B C, learners D, joining D
> tick A
> settle
> tick A
  A writes from 5 [1*]
> settle
> tick A
> settle
> show A D
A leader term 1  log …3 [1 1 1]  flushed 6 commit 6 applied 6 {x y}
  since 6: voters A B C D
  B replicate match 6 next 7 on the way 0
  C replicate match 6 next 7 on the way 0
  D replicate match 6 next 7 on the way 0
D follower term 1  log …4 [1 1]  flushed 6 commit 6 applied 6 {x y}
  since 6: voters A B C D
