# A member that is alone leads when its vote is on disk, and commits what it has flushed.
> members A
> hold disk A
> tick A 10
  A writes term 1 vote A
  A is candidate in term 1
> flush A
  A writes from 1 [1]
  A is leader in term 1 under A
> propose A x
  A writes from 2 [1]
> flush A
  A applies 1
> flush A
  A applies 2
> show
A leader term 1  log [1 1]  flushed 2 commit 2 applied 2 {x}
