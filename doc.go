// Package cloakroom gives web servers sessions: the browser carries a ticket, the server
// keeps the coat.
package cloakroom
