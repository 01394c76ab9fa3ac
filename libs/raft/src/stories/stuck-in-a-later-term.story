# A member whose term is later than its leader's is freed: the leader hears of that term, and the next election takes it along.
> members A B C
> elect A
> settle
# C votes in term 2 for B, whose candidacy nobody else hears of.
> cut A
> tick B 10
  B is pre-candidate in term 1
> tick C 10
  C is pre-candidate in term 1
> lose C B
C ↛ B  pre-vote-request term 2 log 1:1
> deliver B C
B → C  pre-vote-request term 2 log 1:1
> deliver C B
C → B  pre-vote-reply granted term 2
  B writes term 2 vote B
  B is candidate in term 2
> lose B A
> deliver B C
B → C  vote-request term 2 log 1:1
  C writes term 2 vote B
  C is follower in term 2
> cut B
> heal
> cut B
> tick A
> deliver A C
A → C  heartbeat 1 commit 1
> deliver C A
C → A  stale-term 2
  A writes term 2 vote -
  A is follower in term 2
> heal
> tick A 10
  A is pre-candidate in term 2
> settle
> show
A leader term 3  log [1 3]  flushed 2 commit 2 applied 2 {}
  B replicate match 2 next 3 on the way 0
  C replicate match 2 next 3 on the way 0
B follower term 3  log [1 3]  flushed 2 commit 2 applied 2 {}
C follower term 3  log [1 3]  flushed 2 commit 2 applied 2 {}
