# A new leader looks for the place where a follower's log agrees with its own, then pipelines (raft.pdf figure 7, follower f).
> members A B C term 7 log A 1 1 1 4 4 5 5 6 6 6 log B 1 1 1 2 2 2 3 3 3 3 3 log C 1 1 1 4 4 5 5 6 6 6
> elect C
> show B
B follower term 8  log [1 1 1 4 4 5 5 6 6 6 8]  flushed 11 commit 11 applied 11 {}
> members A B C term 7 log A 1 1 1 4 4 5 5 6 6 6 log B 1 1 1 2 2 2 3 3 3 3 3 log C 1 1 1 4 4 5 5 6 6 6
> cut B
> elect A
> heal
> tick A
> deliver A B
A → B  heartbeat 1 commit 0
  B writes term 8 vote -
  B is follower in term 8 under A
> deliver B A
B → A  heartbeat-reply 1
> deliver A B
A → B  append behind 10:6 [8] commit 11
> deliver B A
B → A  rejected 10 hint 10:3
  A reads its log from 4 to 10
> deliver A B
A → B  append behind 3:1 [4 4 5 5 6 6 6] commit 11
  B writes from 4 [4 4 5 5 6 6 6]
  B reads its log from 1 to 3
  B applies 1 2 3
  B applies 4 5 6 7 8 9 10
> deliver B A
B → A  accepted 10
> deliver A B
A → B  append behind 10:6 [8] commit 11
  B writes from 11 [8]
  B applies 11
> deliver B A
B → A  accepted 11
> settle
> propose A x
  A writes from 12 [8]
> propose A y
  A writes from 13 [8]
> show A
A leader term 8  log [1 1 1 4 4 5 5 6 6 6 8 8 8]  flushed 13 commit 11 applied 11 {}
  B replicate match 11 next 14 on the way 2
  C replicate match 11 next 14 on the way 2
> deliver
A → B  append behind 11:8 [8] commit 11
  B writes from 12 [8]
A → C  append behind 11:8 [8] commit 11
  C writes from 12 [8]
A → B  append behind 12:8 [8] commit 11
  B writes from 13 [8]
A → C  append behind 12:8 [8] commit 11
  C writes from 13 [8]
B → A  accepted 12
  A applies 12
C → A  accepted 12
B → A  accepted 13
  A applies 13
C → A  accepted 13
A → B  commit 12:8
  B applies 12
A → C  commit 12:8
  C applies 12
A → B  commit 13:8
  B applies 13
A → C  commit 13:8
  C applies 13
> show B
B follower term 8  log [1 1 1 4 4 5 5 6 6 6 8 8 8]  flushed 13 commit 13 applied 13 {x y}
