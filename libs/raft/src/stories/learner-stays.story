# A learner that nobody wants as a voter stays one: it has the log, and counts for nothing.
> members A B C spare D promotion 3
> elect A
> change A add D learner
  A writes from 2 [1*]
> settle
> tick A 3
> settle
> tick A 9
> settle
> cut B C
> propose A x
  A writes from 3 [1]
> deliver
A → D  append behind 2:1 [1] commit 2
  D writes from 3 [1]
D → A  accepted 3
> show A D
A leader term 1  log [1 1 1]  flushed 3 commit 2 applied 2 {}
  since 2: voters A B C, learners D
  B replicate match 2 next 4 on the way 1
  C replicate match 2 next 4 on the way 1
  D replicate match 3 next 4 on the way 0
D follower term 1  log [1 1 1]  flushed 3 commit 2 applied 2 {}
  since 2: voters A B C, learners D
