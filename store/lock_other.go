//go:build !linux

package store

import "os"

// flock does nothing: where flock and fcntl locks meet, as in the BSD family, it would shut SQLite out as well.
func flock(*os.File) error { return nil }

func funlock(*os.File) error { return nil }
