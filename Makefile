.PHONY: build check test bench soak generate

# Without C there is no library to load: one file, which starts sooner.
build:
	CGO_ENABLED=0 go build -o gatehouse ./cmd/gatehouse

# What every commit passes.
check:
	@test -z "$$(git ls-files '*.go' | xargs gofmt -l)" || (git ls-files '*.go' | xargs gofmt -l; exit 1)
	go vet ./...
	go test ./...

test:
	go test ./...

# Each figure is a ratio of two things measured in one run; see docs/performance.md.
bench:
	go test -run '^$$' -bench . -benchmem ./...

# A thousand kill -9 under load; prints how many answers were received and how many were lost.
soak:
	KILLS=1000 go test -run TestKillLosesNothing -count 1 -timeout 3h -v ./cmd/gatehouse

generate:
	go generate ./...
