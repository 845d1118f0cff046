// Cron schedules: five fields (minute, hour, day of month, month, day of week) in UTC, with lists,
// ranges, steps and the English three-letter names of months and days. Pure.
//
// As in every cron since Vixie's: if both day fields are restricted (do not begin with "*"), a day
// that matches either of them matches. 0 and 7 are both Sunday.
#pragma once

#include <bitset>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "base/units.h"

namespace moln {

struct CronSchedule {
    std::bitset<60> minutes;
    std::bitset<24> hours;
    std::bitset<32> month_days;  // 1..31
    std::bitset<13> months;      // 1..12
    std::bitset<7> week_days;    // 0 is Sunday
    bool either_day = false;     // both day fields are restricted: one of them is enough
};

// ErrorCode::invalid names the field and what it expects; a schedule that no date ever matches
// (30 February) is invalid too.
Result<CronSchedule> parse_cron(std::string_view expression);

// The first whole minute after `after` that matches. Nothing past the year 9999.
std::optional<WallTime> next_fire(const CronSchedule& schedule, WallTime after);

}  // namespace moln
