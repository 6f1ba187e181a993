// Package demo tests "cloakroom demo -store URL": it builds the command, runs it over every
// kind of store on a real server, and signs in and out by HTTP. What that takes is here for
// the tests of other modules, too, which have servers that this one has not.
package demo
