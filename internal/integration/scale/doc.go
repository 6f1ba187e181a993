// Package scale measures what becomes of a store with its number of sessions: how long Load
// and Save take with many sessions in relation to a thousand, how much room a session takes,
// and what sweeping a tenth of them does to the slowest loads. It has tests only.
//
// A million sessions take minutes to fill, and figures need a quiet machine. So the tests fill
// two thousand unless they are asked for more, only to see that all this works, and their
// figures mean nothing below 100,000. To measure:
//
//	go test ./internal/integration/scale -v -timeout 3h -args -sessions 1000000
//	go test ./internal/integration/scale -v -timeout 1h -args -sessions 1000000 -stores redis,sqlite
//
// bbolt and files get 100,000 at most. Each store is on two servers of its own, or in two
// files: one with a thousand sessions and one with many, which are asked in turns, so that
// whatever slows the machine down meanwhile slows both.
package scale
