// Package seeds shows, case by case, that a program which moves here from one of five old
// session libraries for Node finds what it used: generic-session (with redsess and
// level-session), socket-session (which was express-session 1.0), express-session,
// koa-generic-session (with koa-redis), node-session and alt-session.
//
// Every case of their test suites is in testdata/cases.txt, and every defect that was found
// in them is in testdata/defects.txt, with a title of our own. Each is either a subtest of
// TestSeeds or TestDefects named by its ID, or stands among those left out with the reason.
// TestEveryCaseIsAnswered counts them.
//
// Where a seed has a habit that breaks a promise of this library, such as a cookie with
// every response, the subtest shows what holds instead, and what to do to have the habit
// where there is a way.
package seeds
