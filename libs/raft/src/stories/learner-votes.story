# A learner that was promoted and does not know it yet votes when it is asked (etcd#10998).
> members A B learner C
> show C
C follower term 0  log []  flushed 0 commit 0 applied 0 {}
> tick A 10
  A is pre-candidate in term 0
> deliver A B
A → B  pre-vote-request term 1 log 0:0
> deliver B A
B → A  pre-vote-reply granted term 1
  A writes term 1 vote A
  A is candidate in term 1
> deliver
A → B  vote-request term 1 log 0:0
  B writes term 1 vote A
  B is follower in term 1
B → A  vote-reply granted term 1
  A writes from 1 [1]
  A is leader in term 1 under A
A → B  append behind 0:0 [1] commit 0
  B writes from 1 [1]
  B is follower in term 1 under A
A → C  append behind 0:0 [1] commit 0
  C writes term 1 vote -, from 1 [1]
  C is follower in term 1 under A
B → A  accepted 1
  A applies 1
C → A  accepted 1
A → B  commit 1:1
  B applies 1
A → C  commit 1:1
  C applies 1
> tick C 50
  C is follower in term 1
> show C
C follower term 1  log [1]  flushed 1 commit 1 applied 1 {}
