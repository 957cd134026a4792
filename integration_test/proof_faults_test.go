package integration_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/caddy-cookie-consent/caddy-cookie-consent/records"
)

// TestChoicesAreKept: without any fault, every choice is stored once, and its visitor
// can read the receipt.
func TestChoicesAreKept(t *testing.T) {
	onBothStores(t, func(t *testing.T, n *node) {
		n.start(t)
		c := gather(t, n.site)
		c.more(t, 5000)
		c.dismiss(t)
		n.awaitDelivery(t)
		c.checkReceipt(t, n.site)
		if got, want := n.metric(t, "appended_total"), float64(len(c.acknowledged)); got != want {
			t.Errorf("the metric of records is %v, want %v", got, want)
		}
		c.checkStored(t, 0, n.store(t))
	})
}

// TestKilledCaddy: kill -9 at any point loses no choice that was acknowledged.
func TestKilledCaddy(t *testing.T) {
	onBothStores(t, func(t *testing.T, n *node) {
		const kills = 6
		n.start(t)
		c := gather(t, n.site)
		for range kills {
			c.more(t, 1+rand.IntN(800))
			n.kill(t)
			n.start(t)
		}
		c.more(t, 500)
		c.dismiss(t)
		n.awaitDelivery(t)
		c.checkReceipt(t, n.site)
		c.checkStored(t, kills, n.store(t))
	})
}

// TestPostgresOutages: choices are acknowledged while PostgreSQL is stopped, killed or
// cut off, over reloads and crashes of Caddy too, and are delivered once it is back.
func TestPostgresOutages(t *testing.T) {
	server := ownPostgres(t)
	try := func(do func() error) {
		t.Helper()
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
	n := newNode(t, inPostgres(t, server))
	n.start(t)
	c := gather(t, n.site)
	c.more(t, 500)
	for range 10 {
		try(server.Cut)
		c.more(t, 50)
	}
	try(server.Stop)
	c.more(t, 3000)
	checkOutage(t, n)
	n.load(t)
	c.more(t, 500)
	try(server.Start)
	n.awaitDelivery(t)
	checkRecovery(t, n)

	try(server.Kill)
	c.more(t, 500)
	n.kill(t)
	n.start(t)
	c.more(t, 500)
	try(server.Start)
	c.more(t, 500)
	c.dismiss(t)
	n.awaitDelivery(t)
	if c.refused > 0 {
		t.Errorf("%d grants were refused, though Caddy's own disk was there", c.refused)
	}
	c.checkReceipt(t, n.site)
	c.checkStored(t, 1, n.store(t))
}

// checkOutage checks that log, metrics and health tell of a database that is away.
func checkOutage(t *testing.T, n *node) {
	t.Helper()
	waitFor(t, "word of the outage", func() bool { return n.health(t).DeliveryError != "" })
	if h := n.health(t); h.Backlog == 0 || h.Oldest.IsZero() || time.Since(h.Oldest) > time.Minute || h.WriteError != "" {
		t.Errorf("the health in an outage is %+v", h)
	}
	if up, backlog, age := n.metric(t, "up"), n.metric(t, "backlog"), n.metric(t, "oldest_unsent_seconds"); up != 0 || backlog == 0 || age <= 0 {
		t.Errorf("in an outage the metrics say up %v, backlog %v, oldest %v s", up, backlog, age)
	}
	if !strings.Contains(n.printed.String(), "could not be delivered to the database") {
		t.Errorf("the log does not tell of the outage:\n%s", n.printed)
	}
	checkServes(t, n)
}

// checkRecovery checks that log, metrics and health tell of its end.
func checkRecovery(t *testing.T, n *node) {
	t.Helper()
	waitFor(t, "a metric of no backlog", func() bool { return n.metric(t, "up") == 1 && n.metric(t, "backlog") == 0 })
	if !strings.Contains(n.printed.String(), "delivered to the database again") {
		t.Errorf("the log does not tell of the end of the outage:\n%s", n.printed)
	}
}

// TestReloadsUnderChoices: a configuration is loaded every second, and no grant is
// refused for it.
func TestReloadsUnderChoices(t *testing.T) {
	onBothStores(t, func(t *testing.T, n *node) {
		n.start(t)
		c := gather(t, n.site)
		every := time.NewTicker(time.Second)
		defer every.Stop()
		for _, name := range []string{"One", "Two", "One", "Two"} {
			c.more(t, 100)
			<-every.C
			n.body = shop("site " + name)
			n.load(t)
		}
		c.more(t, 100)
		c.dismiss(t)
		n.awaitDelivery(t)
		if c.refused > 0 {
			t.Errorf("%d grants were refused", c.refused)
		}
		c.checkStored(t, 0, n.store(t))
	})
}

// TestTwoCaddysKeepRecordsTogether: two processes write to one file, or one database.
func TestTwoCaddysKeepRecordsTogether(t *testing.T) {
	onBothStores(t, func(t *testing.T, n *node) {
		other := newNode(t, n.records)
		other.storage = n.storage
		n.start(t)
		other.start(t)
		c := gather(t, n.site, other.site)
		c.more(t, 3000)
		c.dismiss(t)
		n.awaitDelivery(t)
		other.awaitDelivery(t)
		if a, b := n.metric(t, "appended_total"), other.metric(t, "appended_total"); a == 0 || b == 0 || int(a+b) != len(c.acknowledged) {
			t.Errorf("the two wrote %v and %v records, want %d together", a, b, len(c.acknowledged))
		}
		if c.refused > 0 {
			t.Errorf("%d grants were refused", c.refused)
		}
		c.checkReceipt(t, n.site)
		c.checkReceipt(t, other.site)
		c.checkStored(t, 0, n.store(t))
	})
}

// TestRecordsMoveByReload: a configuration that keeps records elsewhere takes over at
// once, also when the spool stays where it is.
func TestRecordsMoveByReload(t *testing.T) {
	here, there := inSQLite(t), inSQLite(t)
	away := inPostgres(t, thePostgres(t))
	n := newNode(t, here)
	n.start(t)
	c := gather(t, n.site)
	for _, words := range []string{there, away, strings.Replace(away, "sslmode=disable", "sslmode=prefer", 1), here, away} {
		c.more(t, 500)
		n.records = words
		n.load(t)
		began := time.Now()
		c.more(t, 2*members)
		t.Logf("%s: %v, %v", words, time.Since(began), n.health(t))
	}
	c.dismiss(t)
	n.awaitDelivery(t)
	var stores []*records.Store
	for _, words := range []string{here, there, away} {
		n.records = words
		stores = append(stores, n.store(t))
	}
	c.checkCount(t, 0, stores...) // each lacks the chains of the others, which verify tells
}
