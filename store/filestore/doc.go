// Package filestore keeps sessions in files.
package filestore
