// How far a followed log, or the events, have been shown: another connection goes on there, without
// a line lost or shown twice. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/units.h"
#include "model/codec.h"

namespace moln::cli {

// Of instances: those that printed last are remembered. 512 is what the daemon takes.
inline constexpr std::size_t k_follow_instances_max = 512;

class FollowPlace {
public:
    // `begun` is when the first connection was made: what is older was not asked for, or was left
    // out by the number of lines that was.
    explicit FollowPlace(WallTime begun) : begun_(begun) {}

    // Notes a line of the API that is about to be shown; false for one that is not to be.
    bool takes(const json::value& line);

    // Another connection begins, which asks to go on here.
    void go_on() { goes_on_ = true; }

    // Of a log: the positions to go on behind, by commas, and since when of other instances.
    std::string positions() const;
    WallTime begun() const { return begun_; }
    // Of the events: the last number, 0 if none was shown.
    std::int64_t event() const { return event_; }

private:
    struct Last {
        std::int64_t turn = 0;  // counts the lines that were shown
        std::string position;
    };
    WallTime begun_;
    std::int64_t turn_ = 0;
    std::map<std::string, Last> instances_;
    std::int64_t event_ = 0;
    bool goes_on_ = false;
};

}  // namespace moln::cli
