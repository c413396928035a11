package store

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// usage is what the process has used so far.
func usage(b *testing.B) (cpu time.Duration, written int64) {
	b.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	cpu = time.Duration(r.Utime.Nano() + r.Stime.Nano())
	io, err := os.ReadFile("/proc/self/io")
	if err != nil {
		b.Skip("there is no /proc/self/io here")
	}
	for line := range bytes.Lines(io) {
		if n, ok := bytes.CutPrefix(line, []byte("wchar: ")); ok {
			written, _ = strconv.ParseInt(string(bytes.TrimSpace(n)), 10, 64)
		}
	}
	return cpu, written
}

// A new session beside a million against a new session beside none: CPU and bytes written, checkpoints included.
func BenchmarkCreateSessionBesideMany(b *testing.B) {
	n := many(b)
	empty, full := open(b, Options{}), open(b, Options{})
	fill(b, full, n, false)
	measure := func(db *DB, n int) (cpu, written float64) {
		cpu0, written0 := usage(b)
		createSessions(b, db, 64, n)
		cpu1, written1 := usage(b)
		return float64(cpu1-cpu0) / float64(n), float64(written1-written0) / float64(n)
	}
	const warm, count, turns = 2000, 50000, 10
	measure(empty, warm)
	measure(full, warm)
	for b.Loop() {
		var cpuE, cpuF, writtenE, writtenF float64
		for range turns {
			cpu, written := measure(empty, count/turns)
			cpuE, writtenE = cpuE+cpu/turns, writtenE+written/turns
			cpu, written = measure(full, count/turns)
			cpuF, writtenF = cpuF+cpu/turns, writtenF+written/turns
		}
		b.ReportMetric(cpuF/cpuE, "x-cpu")
		b.ReportMetric(writtenF/writtenE, "x-bytes")
		b.ReportMetric(writtenF, "B-written/op")
		b.ReportMetric(cpuF, "cpu-ns/op")
	}
}
