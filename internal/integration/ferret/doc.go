// Package ferret tests mongostore on a server that speaks MongoDB's protocol.
package ferret
