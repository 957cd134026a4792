package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"
)

// saveEvery is how often what changed is saved.
const saveEvery = time.Minute

// lastSave bounds, at the end, how long saving may take.
const lastSave = 3 * time.Second

// inventoryPart is the part that holds the inventory. Statistics have a part for
// each month, so that a month that is over is not written again.
const inventoryPart = "inventory"

func statisticsPart(month string) string { return "statistics-" + month }

// Keeper keeps an inventory and statistics over restarts, and joins them with those
// of the other Caddys with the same Share. What was counted in the last minute before
// a crash is lost.
//
// An Inventory has one Keeper for all its life: what was kept before is added to it
// when it is first saved.
type Keeper struct {
	Inventory  *Inventory
	Statistics *Statistics

	share Share
	now   func() time.Time

	saving   sync.Mutex
	restored map[string]bool // parts that were read
	months   map[string]bool // parts that there are

	reading sync.Mutex
	read    map[string]copies // of the other Caddys, by part
}

// copies are what others pushed, as of a time.
type copies struct {
	at   time.Time
	data [][]byte
}

// inventoryFile and statisticsFile are what parts look like.
type inventoryFile struct {
	Saved    time.Time  `json:"saved"`
	Entries  []kept     `json:"entries"`
	Overflow []Overflow `json:"overflow,omitempty"`
}

type statisticsFile struct {
	Saved time.Time `json:"saved"`
	Days  []Day     `json:"days"`
}

// NewKeeper returns a Keeper of an empty inventory and of statistics from zero.
func NewKeeper(share Share, now func() time.Time) *Keeper {
	return &Keeper{
		Inventory: New(), Statistics: NewStatistics(), share: share, now: now,
		restored: map[string]bool{}, months: map[string]bool{}, read: map[string]copies{},
	}
}

// Run saves every minute until ctx ends, and then once more. Failures are told to
// failed, and tried again a minute later.
func (k *Keeper) Run(ctx context.Context, failed func(error)) {
	ticker := time.NewTicker(saveEvery)
	defer ticker.Stop()
	for {
		if err := k.Save(ctx); err != nil && ctx.Err() == nil {
			failed(err)
		}
		select {
		case <-ctx.Done():
			ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastSave)
			defer cancel()
			if err := k.Save(ending); err != nil {
				failed(err)
			}
			return
		case <-ticker.C:
		}
	}
}

// Save writes what changed since the last time. Before a part is written for the
// first time it is read, and added to what was counted since the start: as long as
// it cannot be read, it is not written over.
func (k *Keeper) Save(ctx context.Context) error {
	k.saving.Lock()
	defer k.saving.Unlock()
	return errors.Join(k.restore(ctx), k.saveInventory(ctx), k.saveStatistics(ctx), k.learn(ctx))
}

// restore reads the parts that were not read yet.
func (k *Keeper) restore(ctx context.Context) error {
	var failures []error
	now := k.now()
	read := func(part string, add func(data []byte) error) {
		if k.restored[part] {
			return
		}
		data, err := k.share.Own(ctx, part)
		if err != nil {
			failures = append(failures, fmt.Errorf("reading %s: %w", part, err))
			return
		}
		k.restored[part] = true
		if len(data) == 0 {
			return
		}
		if err := add(data); err != nil {
			failures = append(failures, fmt.Errorf("reading %s: %w; it is begun anew", part, err))
		}
	}
	read(inventoryPart, func(data []byte) error {
		var file inventoryFile
		if err := json.Unmarshal(data, &file); err != nil {
			return err
		}
		k.Inventory.restore(file.Entries, file.Overflow)
		return nil
	})
	for _, month := range monthsUntil(now) {
		read(statisticsPart(month), func(data []byte) error {
			var file statisticsFile
			if err := json.Unmarshal(data, &file); err != nil {
				return err
			}
			k.Statistics.restore(file.Days, now)
			k.months[month] = true
			return nil
		})
	}
	return errors.Join(failures...)
}

// monthsUntil lists the months of the days that are kept.
func monthsUntil(now time.Time) []string {
	var months []string
	for day := dayOf(now) - KeptDays + 1; day <= dayOf(now); day++ {
		if month := monthOf(day); len(months) == 0 || months[len(months)-1] != month {
			months = append(months, month)
		}
	}
	return months
}

func (k *Keeper) saveInventory(ctx context.Context) error {
	if !k.restored[inventoryPart] || !k.Inventory.changed.Swap(false) {
		return nil
	}
	now := k.now()
	entries, overflow := k.Inventory.snapshot(now.AddDate(0, 0, -KeptDays))
	err := k.push(ctx, inventoryPart, inventoryFile{now.UTC(), entries, overflow})
	if err != nil {
		k.Inventory.changed.Store(true)
	}
	return err
}

func (k *Keeper) saveStatistics(ctx context.Context) error {
	var failures []error
	for _, month := range k.Statistics.takeChanged() {
		if !k.restored[statisticsPart(month)] {
			k.Statistics.changed.Store(month, true)
			continue
		}
		days := k.Statistics.where(func(d date) bool { return monthOf(d.day) == month })
		if err := k.push(ctx, statisticsPart(month), statisticsFile{k.now().UTC(), days}); err != nil {
			k.Statistics.changed.Store(month, true)
			failures = append(failures, err)
			continue
		}
		k.months[month] = true
	}
	return errors.Join(append(failures, k.forgetMonths(ctx))...)
}

// forgetMonths takes away the months that are over for longer than KeptDays.
func (k *Keeper) forgetMonths(ctx context.Context) error {
	oldest := monthOf(dayOf(k.now()) - KeptDays + 1)
	var failures []error
	for month := range k.months {
		if month >= oldest {
			continue
		}
		if err := k.share.Push(ctx, statisticsPart(month), nil); err != nil {
			failures = append(failures, fmt.Errorf("taking away the statistics of %s: %w", month, err))
			continue
		}
		delete(k.months, month)
	}
	return errors.Join(failures...)
}

func (k *Keeper) push(ctx context.Context, part string, file any) error {
	data, err := json.Marshal(file)
	if err == nil {
		err = k.share.Push(ctx, part, data)
	}
	if err != nil {
		return fmt.Errorf("saving %s: %w", part, err)
	}
	return nil
}

// learn tells the inventory what the others have seen, so that it is not new here.
func (k *Keeper) learn(ctx context.Context) error {
	entries, _, err := k.otherEntries(ctx)
	if err != nil {
		return err
	}
	seen := make(map[identity]bool, len(entries))
	for _, e := range entries {
		if e.Service == "" {
			seen[identityOf(e)] = true
		}
	}
	k.Inventory.others.Store(&seen)
	return nil
}

// others returns what the others pushed, as of the last minute.
func (k *Keeper) others(ctx context.Context, part string) ([][]byte, error) {
	k.reading.Lock()
	defer k.reading.Unlock()
	now := k.now()
	if known, ok := k.read[part]; ok && now.Sub(known.at) < saveEvery {
		return known.data, nil
	}
	data, err := k.share.Others(ctx, part)
	if err != nil {
		return nil, fmt.Errorf("reading what others counted: %w", err)
	}
	k.read[part] = copies{now, data}
	return data, nil
}

func (k *Keeper) otherEntries(ctx context.Context) (entries []Entry, overflow []Overflow, err error) {
	data, err := k.others(ctx, inventoryPart)
	if err != nil {
		return nil, nil, err
	}
	oldest := k.now().AddDate(0, 0, -KeptDays)
	for _, copied := range data {
		var file inventoryFile
		if json.Unmarshal(copied, &file) != nil {
			continue // its own Caddy says so
		}
		overflow = append(overflow, file.Overflow...)
		for _, saved := range file.Entries {
			if saved.Last.After(oldest) {
				saved.Name = savedName(saved)
				entries = append(entries, saved.Entry)
			}
		}
	}
	return entries, overflow, nil
}

// Seen returns the inventories of all Caddys as one, by site, kind and name, and what
// did not fit. After a failure to read those of others it is this one's.
func (k *Keeper) Seen(ctx context.Context) ([]Entry, []Overflow, error) {
	others, overflow, err := k.otherEntries(ctx)
	return mergeEntries(k.Inventory.Entries(), others), mergeOverflows(k.Inventory.Overflows(), overflow), err
}

// Days returns the statistics of all Caddys as one, by day and site, from the first
// to the last of two days (2026-10-31). After a failure to read those of others they
// are this one's.
func (k *Keeper) Days(ctx context.Context, from, to string) ([]Day, error) {
	lists := [][]Day{k.Statistics.where(func(d date) bool { return within(dayName(d.day), from, to) })}
	for _, month := range monthsUntil(k.now()) {
		if month < from[:min(7, len(from))] || month > to[:min(7, len(to))] {
			continue
		}
		data, err := k.others(ctx, statisticsPart(month))
		if err != nil {
			return mergeDays(lists...), err
		}
		for _, copied := range data {
			var file statisticsFile
			if json.Unmarshal(copied, &file) != nil {
				continue
			}
			var days []Day
			for _, day := range file.Days {
				if within(day.Day, from, to) {
					days = append(days, day)
				}
			}
			lists = append(lists, days)
		}
	}
	return mergeDays(lists...), nil
}

func within(day, from, to string) bool { return from <= day && day <= to }
