//go:build race

package sigv4

// raceEnabled is true under the race detector, which makes sync.Pool forget at random.
const raceEnabled = true
