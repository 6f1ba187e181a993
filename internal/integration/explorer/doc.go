// Package explorer is a test: it runs every interleaving of two or three requests of
// one session over the real manager and a store, compares what happens with a small
// reference model, and reports the shortest schedule that breaks a promise.
//
// A schedule is a list of steps, and a step is one of these: a request starts, with the
// cookie that its client holds just then; a store call that a request has asked for
// happens, and the request runs on to its next one; a response arrives at its client.
// Between two steps nothing moves. Every schedule runs from the beginning, in a bubble
// of testing/synctest, so that waiting and expiring take no time. Stores within the process
// run in the bubble, and those with a server outside of it, behind a bridge.
//
// Steps that cannot tell which of them came first are taken in one order only, so that
// one schedule stands for all that differ in nothing else.
//
//   - plan.go: what requests do, and which are put together.
//   - gate.go: the store that holds each call until its turn.
//   - request.go: a request, through the middleware or through Open and Commit.
//   - schedule.go: one schedule, step by step.
//   - model.go: what must be true, kept up to date from what the manager answered.
//   - check.go: the promises, checked against the model after every step.
//   - search.go: all schedules, and the shortest that breaks a promise.
//   - story.go: how that one is told.
//   - bridge.go: the way out of the bubble.
//   - explore.go, set.go: what tests call, and the schedules that they choose from.
//   - memstore_test.go, sqlite_test.go and so on: what is explored.
//   - broken_test.go: stores with a mistake, which the search must find.
package explorer
