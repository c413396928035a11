package store

import (
	"os"
	"syscall"
)

// flock locks f until funlock, or fails at once.
func flock(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

// funlock unlocks f. To close it is not enough: a child that was forked and has not yet called exec holds it open, too.
func funlock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }
