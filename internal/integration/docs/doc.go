// Package docs has the tests of docs/STORES.md: its setups are compiled and used, and its
// dumps are compared with what real servers show.
package docs
