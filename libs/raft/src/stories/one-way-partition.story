# A leader that is heard and hears nobody gives way, though its heartbeats kept the others from electing (openraft#2080).
> members A B C
> elect A
> deafen A
> tick A 9
> settle
> tick B 9
> tick C 9
> settle
> tick A 10
> settle
> tick A
  A is follower in term 1
> lose A
> tick B 10
  B is pre-candidate in term 1
> tick C 10
  C is pre-candidate in term 1
> lose C
C ↛ B  pre-vote-request term 2 log 1:1
> settle
> show
A follower term 1  log [1]  flushed 1 commit 1 applied 1 {}
B leader term 2  log [1 2]  flushed 2 commit 2 applied 2 {}
  A probe match 0 next 2 on the way 0
  C replicate match 2 next 3 on the way 0
C follower term 2  log [1 2]  flushed 2 commit 2 applied 2 {}
