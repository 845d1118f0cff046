#include "cli/follow_place.h"

#include <algorithm>

namespace moln::cli {
namespace {

std::int64_t number_in(const json::object& line, std::string_view name) {
    const auto* value = line.if_contains(name);
    const auto* number = value == nullptr ? nullptr : value->if_int64();
    return number == nullptr ? 0 : *number;
}

std::string text_in(const json::object& line, std::string_view name) {
    const auto* value = line.if_contains(name);
    const auto* text = value == nullptr ? nullptr : value->if_string();
    return text == nullptr ? "" : std::string(*text);
}

}  // namespace

bool FollowPlace::takes(const json::value& line) {
    const auto* object = line.if_object();
    if (object == nullptr) return true;
    if (const auto number = number_in(*object, "number"); number > 0) {
        // With none shown before there was no number to go on behind, only a time.
        if (goes_on_ && event_ == 0 && number_in(*object, "at") < begun_.ms) return false;
        event_ = number;
        return true;
    }
    auto position = text_in(*object, "position");
    if (position.empty()) return true;
    instances_[text_in(*object, "instance")] = {++turn_, std::move(position)};
    if (instances_.size() > k_follow_instances_max) {
        instances_.erase(std::ranges::min_element(
            instances_, {}, [](const auto& entry) { return entry.second.turn; }));
    }
    return true;
}

std::string FollowPlace::positions() const {
    std::string text;
    for (const auto& [instance, last] : instances_) {
        text += (text.empty() ? "" : ",") + last.position;
    }
    return text;
}

}  // namespace moln::cli
