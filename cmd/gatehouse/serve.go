package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"gatehouse/admin"
	"gatehouse/auth"
	"gatehouse/awserr"
	"gatehouse/clock"
	"gatehouse/handlers"
	"gatehouse/store"
)

// drain is how long requests may take that are under way when the server is told to stop.
const drain = 10 * time.Second

// serve runs the server until ctx ends, then lets requests finish and closes the database.
func (m *Main) serve(ctx context.Context) (err error) {
	c := &m.config
	log := m.logger()
	var seed *handlers.Seed
	if c.Seed != "" {
		if seed, err = handlers.ReadSeed(c.Seed); err != nil {
			return fmt.Errorf("--seed: %w", err)
		}
	}
	// Both ports are taken before the database is, so that a second start says what is wrong and touches nothing.
	main, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("--listen: %w; another address can be given with --listen HOST:PORT", err)
	}
	defer main.Close()
	side, err := net.Listen("tcp", c.AdminListen)
	if err != nil {
		return fmt.Errorf("--admin-listen: %w; another address can be given with --admin-listen HOST:PORT", err)
	}
	defer side.Close()

	go handlers.Prepare()
	emulated := new(clock.Clock)
	db, err := store.Open(ctx, store.Options{
		Path: c.DB, Synchronous: strings.ToUpper(c.Synchronous), Clock: emulated, Logger: log,
		SweepEvery: c.SweepEvery, Grace: c.SweepGrace, Events: c.Events,
	})
	if err != nil {
		return fmt.Errorf("--db: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if seed != nil {
		if err := seed.Apply(ctx, db); err != nil {
			return fmt.Errorf("--seed: %s: %w", c.Seed, err)
		}
	}
	a := auth.New(auth.Config{
		DB: db, Clock: emulated, Logger: log,
		Verify: c.VerifySigV4, RootBypass: c.RootBypass, DefaultAccount: c.AccountID, Mode: c.mode,
		PlainTransport: !c.SecureTransport,
		SignatureV2:    c.SignatureV2, TrustedProxies: c.proxies, ExternalHost: c.ExternalHost,
	})
	var metadata net.Listener
	if c.IMDSRole != "" {
		if metadata, err = net.Listen("tcp", c.IMDSListen); err != nil {
			return fmt.Errorf("--imds-listen: %w; another address can be given with --imds-listen HOST:PORT", err)
		}
		defer metadata.Close()
	}
	faults := new(auth.Faults)
	front := handlers.New(handlers.Config{
		DB: db, Auth: a, Clock: emulated, Logger: log, Region: c.Region, Version: version(),
		Account: c.AccountID, PublicURL: c.publicURL(main.Addr()), Issuer: c.OIDCIssuer, ShortSessions: c.ShortSessions,
		Endpoints: c.endpoints(), Faults: faults,
	})
	back := admin.New(admin.Config{
		DB: db, Auth: a, Clock: emulated, Token: c.AdminToken, Logger: log, Done: ctx.Done(),
		Health: func() any { return front.Health() },
		Reset:  func(ctx context.Context) error { return reset(ctx, db, c.Seed) },
		Local:  localAdmin(front, faults),
	})

	servers := []*http.Server{newServer(front, log), newServer(back, log)}
	listeners := []net.Listener{main, side}
	if metadata != nil {
		server := newServer(front.InstanceMetadata(), log)
		server.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
			if err := setHops(conn, c.IMDSHopLimit); err != nil {
				log.WarnContext(ctx, "hop limit of the EC2 metadata service", "error", err)
			}
			return ctx
		}
		servers, listeners = append(servers, server), append(listeners, metadata)
	}
	failed := make(chan error, len(servers))
	for i, l := range listeners {
		go func() { failed <- servers[i].Serve(l) }()
	}
	path, err := filepath.Abs(c.DB)
	if err != nil {
		path = c.DB
	}
	addresses := Addresses{Main: main.Addr().String(), Admin: side.Addr().String()}
	if metadata != nil {
		addresses.Metadata = metadata.Addr().String()
	}
	m.banner(main.Addr(), side.Addr(), path, addresses.Metadata)
	if m.Started != nil {
		m.Started(addresses)
	}
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	for _, s := range servers {
		if e := s.Shutdown(stop); e != nil {
			err = errors.Join(err, s.Close())
		}
	}
	return err
}

// reset empties the database and applies the seed file, if there is one, as it is now: who has changed it starts over with
// what it says. A file that can't be read leaves everything as it was.
func reset(ctx context.Context, db *store.DB, name string) error {
	refused := awserr.Code{Name: "InvalidSeed", Status: http.StatusBadRequest}
	if name == "" {
		return db.Reset(ctx)
	}
	seed, err := handlers.ReadSeed(name)
	if err != nil {
		return refused.Errorf("Nothing was reset: %v.", err)
	}
	if err := db.Reset(ctx); err != nil {
		return err
	}
	if err := seed.Apply(ctx, db); err != nil {
		return refused.Errorf("Everything was emptied, and nothing of the seed was applied: %s: %v.", name, err)
	}
	return nil
}

func newServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 30 * time.Second,
		IdleTimeout:       5 * time.Minute,
		MaxHeaderBytes:    256 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		Protocols:         protocols(),
	}
}

// protocols are HTTP/1.1 and, for clients that begin with it, HTTP/2 without TLS.
func protocols() *http.Protocols {
	var p http.Protocols
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(true)
	return &p
}

func (m *Main) logger() *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(m.config.LogLevel)); err != nil {
		panic(err) // the value has been checked
	}
	o := &slog.HandlerOptions{Level: level}
	if m.config.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(m.Stderr, o))
	}
	return slog.New(slog.NewTextHandler(m.Stderr, o))
}

// banner says what is served and what is enforced. Tools wait for its last word.
func (m *Main) banner(main, side net.Addr, db, metadata string) {
	c := &m.config
	signatures := "verified"
	if !c.VerifySigV4 {
		signatures = "NOT verified"
	}
	policies := map[auth.Mode]string{
		auth.Off:    "off: stored, never consulted",
		auth.Soft:   "soft: what would be denied is logged and goes on",
		auth.Strict: "strict: what is denied is refused",
	}[c.mode]
	bypass := "closed"
	if c.RootBypass {
		bypass = "OPEN: access key ids test... and twelve digits are root, unchecked"
	}
	var w io.Writer = m.Stderr
	fmt.Fprintf(w, `gatehouse %s
  AWS endpoint   http://%s
  admin API      http://%s
  database       %s
  account        %s
  signatures     %s
  policies       %s
  root bypass    %s
`, version(), main, side, db, c.AccountID, signatures, policies, bypass)
	c.localBanner(w, c.publicURL(main), metadata)
	if c.RootBypass && (c.VerifySigV4 || c.mode != auth.Off) {
		fmt.Fprintln(w, "warning: the root bypass is open: test credentials skip signatures and policies; --root-bypass=false closes it")
	}
	fmt.Fprintln(w, "Ready.")
}
