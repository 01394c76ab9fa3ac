# A joining learner that has caught up, and answered for long enough, is made a voter by its leader, and nobody has to ask for it.
> members A B C spare D promotion 3
> elect A
> propose A x
  A writes from 2 [1]
> settle
> change A add D
  A writes from 3 [1*]
> settle
> show A D
A leader term 1  log [1 1 1]  flushed 3 commit 3 applied 3 {x}
  since 3: voters A B C, learners D, joining D
  B replicate match 3 next 4 on the way 0
  C replicate match 3 next 4 on the way 0
  D replicate match 3 next 4 on the way 0
D follower term 1  log [1 1 1]  flushed 3 commit 3 applied 3 {x}
  since 3: voters A B C, learners D, joining D
> tick A
> settle
> tick A
> settle
> tick A
  A writes from 4 [1*]
> settle
> tick A
> deliver
A → B  heartbeat 4 commit 5
A → C  heartbeat 4 commit 5
A → D  heartbeat 4 commit 5
B → A  heartbeat-reply 4
C → A  heartbeat-reply 4
D → A  heartbeat-reply 4
> show A D
A leader term 1  log [1 1 1 1 1]  flushed 5 commit 5 applied 5 {x}
  since 5: voters A B C D
  B replicate match 5 next 6 on the way 0
  C replicate match 5 next 6 on the way 0
  D replicate match 5 next 6 on the way 0
D follower term 1  log [1 1 1 1 1]  flushed 5 commit 5 applied 5 {x}
  since 5: voters A B C D
