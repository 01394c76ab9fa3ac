# One that joins in the place of another: with the vote of the one goes the other, which is away all the while, and never are there four to wait for.
> members A B C spare D promotion 2
> elect A
> settle
> cut C
> change A add D
  A writes from 2 [1*]
> deliver
A → B  append behind 1:1 [1*] commit 1
  B writes from 2 [1*]
B → A  accepted 2
  A applies 2: voters A B C, learners D, joining D
A → D  append behind 2:1 [] commit 2
  D writes term 1 vote -
  D is follower in term 1 under A
A → B  commit 2:1
  B applies 2: voters A B C, learners D, joining D
D → A  rejected 2 hint 0:0
A → D  append behind 0:0 [1 1*] commit 2
  D writes from 1 [1 1*]
  D applies 1 2: voters A B C, learners D, joining D
D → A  accepted 2
> replacing A D C
> tick A
> deliver
A → B  heartbeat 1 commit 2
A → D  heartbeat 1 commit 2
B → A  heartbeat-reply 1
D → A  heartbeat-reply 1
> tick A
  A writes from 3 [1*]
> deliver
A → B  append behind 2:1 [1*] commit 2
  B writes from 3 [1*]
A → D  append behind 2:1 [1*] commit 2
  D writes from 3 [1*]
A → B  heartbeat 2 commit 2
A → D  heartbeat 2 commit 2
B → A  accepted 3
  A applies 3: voters A B D, and A B C
  A writes from 4 [1*]
D → A  accepted 3
B → A  heartbeat-reply 2
D → A  heartbeat-reply 2
A → B  append behind 3:1 [1*] commit 3
  B writes from 4 [1*]
  B applies 3: voters A B D, and A B C
A → D  append behind 3:1 [1*] commit 3
  D writes from 4 [1*]
  D applies 3: voters A B D, and A B C
B → A  accepted 4
  A applies 4: voters A B D
  A writes from 5 [1*]
D → A  accepted 4
A → B  append behind 4:1 [1*] commit 4
  B writes from 5 [1*]
  B applies 4: voters A B D
A → D  append behind 4:1 [1*] commit 4
  D writes from 5 [1*]
  D applies 4: voters A B D
B → A  accepted 5
  A applies 5: voters A B D
D → A  accepted 5
A → B  commit 5:1
  B applies 5: voters A B D
A → D  commit 5:1
  D applies 5: voters A B D
> show
A leader term 1  log [1 1 1 1 1]  flushed 5 commit 5 applied 5 {}
  since 5: voters A B D
  B replicate match 5 next 6 on the way 0
  D replicate match 5 next 6 on the way 0
B follower term 1  log [1 1 1 1 1]  flushed 5 commit 5 applied 5 {}
  since 5: voters A B D
C follower term 1  log [1]  flushed 1 commit 1 applied 1 {}
D follower term 1  log [1 1 1 1 1]  flushed 5 commit 5 applied 5 {}
  since 5: voters A B D
