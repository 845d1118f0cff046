#include "runtime/edge/core.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include <sys/random.h>

namespace moln::edge_loop {
namespace {

std::array<std::uint64_t, 4> fresh_seed() {
    std::array<std::uint64_t, 4> seed = {1, 2, 3, 4};
    // Should the kernel have none, the clock still makes processes differ.
    if (getrandom(seed.data(), sizeof seed, 0) != sizeof seed) {
        seed[0] = static_cast<std::uint64_t>(clock_now(Clock::mono_us));
    }
    return seed;
}

constexpr std::uint64_t rotate(std::uint64_t x, int by) {
    return (x << by) | (x >> (64 - by));
}

}  // namespace

WorkerPort::WorkerPort(net::Wake ring, ControlPort& port, LogWish wish)
    : wake(std::move(ring)), control(port), log_wish(wish) {
    if (wish != LogWish::none) log = std::make_unique<LogRing>(edge::k_log_ring_bytes);
}

void WorkerPort::post(std::shared_ptr<const Tables> tables,
                      std::span<const std::uint32_t> touched) {
    {
        const std::lock_guard lock(mutex);
        next_touched.insert(next_touched.end(), touched.begin(), touched.end());
        // A worker that is long in coming finds no more than all places.
        if (next_touched.size() > 2 * tables->apps.size()) {
            std::ranges::sort(next_touched);
            const auto twice = std::ranges::unique(next_touched);
            next_touched.erase(twice.begin(), twice.end());
        }
        next = std::move(tables);
    }
    wake.ring();
}

Random::Random(std::span<const std::uint64_t, 4> seed) {
    for (std::size_t i = 0; i < state_.size(); ++i) state_[i] = seed[i];
}

// Blackman and Vigna, "Scrambled linear pseudorandom number generators", xoshiro256**.
std::uint64_t Random::next() {
    const std::uint64_t result = rotate(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = rotate(state_[3], 45);
    return result;
}

std::int64_t clock_now(Clock clock) {
    timespec time{};
    const bool wall = clock == Clock::wall_ms;
    clock_gettime(wall ? CLOCK_REALTIME : CLOCK_BOOTTIME, &time);
    const std::int64_t us = time.tv_sec * 1'000'000 + time.tv_nsec / 1000;
    return wall ? us / 1000 : us;
}

Core::Core(std::size_t number, WorkerPort& its_port, net::Epoll poll, EdgeClientLimits its_limits)
    : index(number),
      port(its_port),
      counts(its_port.counts),
      epoll(std::move(poll)),
      limits(its_limits),
      views(number, this),
      random(fresh_seed()) {
    update_clock();
}

void Core::update_clock() {
    now_us = clock_now(Clock::mono_us);
    now_ms = now_us / 1000;
    wall_ms = clock_now(Clock::wall_ms);
    if (wall_ms / 1000 == date_second) return;
    date_second = wall_ms / 1000;
    http::format_date(WallTime{wall_ms}, date);
}

std::span<char> Core::log_room() {
    return port.log ? port.log->reserve(edge::k_log_line_max) : std::span<char>();
}

void Core::commit_log(std::size_t bytes) {
    port.log->commit(bytes);
    if (port.control.log.note_line(*port.log)) port.control.wake.ring();
}

void Core::on_place_free() {
    if (workers == nullptr) return;
    for (const auto& worker : *workers) {
        if (worker.get() != &port) worker->wake.ring();
    }
}

void Core::on_idle_endpoint() {
    port.control.endpoint_idle.store(true, std::memory_order_release);
    port.control.wake.ring();
}

}  // namespace moln::edge_loop
