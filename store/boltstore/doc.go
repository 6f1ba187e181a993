// Package boltstore keeps sessions in a bbolt file.
package boltstore
