# A change is refused while another one is under way, joint ones until they are left, and before a new leader has committed anything.
> members A B C spare D E
> tick A 10
  A is pre-candidate in term 0
> deliver A B
A → B  pre-vote-request term 1 log 0:0
> deliver B A
B → A  pre-vote-reply granted term 1
  A writes term 1 vote A
  A is candidate in term 1
> deliver A B
A → B  vote-request term 1 log 0:0
  B writes term 1 vote A
  B is follower in term 1
> deliver B A
B → A  vote-reply granted term 1
  A writes from 1 [1]
  A is leader in term 1 under A
> change A add D
  A refuses the change: term-not-committed
> settle
> change A add D voter add E voter
  A writes from 2 [1*]
> change A remove B
  A refuses the change: change-in-flight
> deliver A
A → B  append behind 1:1 [1*] commit 1
  B writes from 2 [1*]
A → C  append behind 1:1 [1*] commit 1
  C writes from 2 [1*]
> deliver B A
B → A  accepted 2
  A applies 2: voters A B C D E, and A B C
  A writes from 3 [1*]
> change A remove B
  A refuses the change: change-in-flight
> settle
> change A remove B
  A writes from 5 [1*]
> settle
> show A
A leader term 1  log [1 1 1 1 1 1]  flushed 6 commit 6 applied 6 {}
  since 6: voters A C D E
  C replicate match 6 next 7 on the way 0
  D replicate match 6 next 7 on the way 0
  E replicate match 6 next 7 on the way 0
