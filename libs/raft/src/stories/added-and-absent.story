# Voters that never come count from when their configuration takes effect: a leader that lacks their quorum gives way, and so does nobody else.
> members A spare B C
> elect A
> change A add B voter add C voter
  A writes from 2 [1*]
  A applies 2: voters A B C, and A
  A writes from 3 [1*]
> cut A
> propose A x
  A writes from 4 [1]
> tick A 10
> tick A 10
  A does not know the outcome of 1 proposals
  A is follower in term 1
> tick A 10
  A is pre-candidate in term 1
> deliver
> heal
> tick A 10
> deliver
A → B  pre-vote-request term 2 log 4:1
A → C  pre-vote-request term 2 log 4:1
B → A  pre-vote-reply granted term 2
  A writes term 2 vote A
  A is candidate in term 2
C → A  pre-vote-reply granted term 2
A → B  vote-request term 2 log 4:1
  B writes term 2 vote A
  B is follower in term 2
A → C  vote-request term 2 log 4:1
  C writes term 2 vote A
  C is follower in term 2
B → A  vote-reply granted term 2
  A writes from 5 [2]
  A is leader in term 2 under A
C → A  vote-reply granted term 2
A → B  append behind 4:1 [2] commit 2
  B is follower in term 2 under A
A → C  append behind 4:1 [2] commit 2
  C is follower in term 2 under A
B → A  rejected 4 hint 0:0
C → A  rejected 4 hint 0:0
A → B  append behind 0:0 [1 1* 1* 1 2] commit 2
  B writes from 1 [1 1* 1* 1 2]
  B applies 1 2: voters A B C, and A
A → C  append behind 0:0 [1 1* 1* 1 2] commit 2
  C writes from 1 [1 1* 1* 1 2]
  C applies 1 2: voters A B C, and A
B → A  accepted 5
  A applies 3 4 5: voters A B C
  A writes from 6 [2*]
C → A  accepted 5
A → B  append behind 5:2 [2*] commit 5
  B writes from 6 [2*]
  B applies 3 4 5: voters A B C
A → C  append behind 5:2 [2*] commit 5
  C writes from 6 [2*]
  C applies 3 4 5: voters A B C
B → A  accepted 6
  A applies 6: voters A B C
C → A  accepted 6
A → B  commit 6:2
  B applies 6: voters A B C
A → C  commit 6:2
  C applies 6: voters A B C
> show
A leader term 2  log [1 1 1 1 2 2]  flushed 6 commit 6 applied 6 {x}
  since 6: voters A B C
  B replicate match 6 next 7 on the way 0
  C replicate match 6 next 7 on the way 0
B follower term 2  log [1 1 1 1 2 2]  flushed 6 commit 6 applied 6 {x}
  since 6: voters A B C
C follower term 2  log [1 1 1 1 2 2]  flushed 6 commit 6 applied 6 {x}
  since 6: voters A B C
