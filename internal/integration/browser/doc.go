// Package browser tests what people see, in a real Chromium. It has tests only; their
// screenshots go to the folder that CLOAKROOM_OUT names, or else to out/ at the top of
// the repository, which git ignores.
//
// The tests build the command they drive, and the test cache knows nothing of its
// sources: run them with -count=1.
package browser
