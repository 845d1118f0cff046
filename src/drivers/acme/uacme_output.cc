#include "drivers/acme/uacme_output.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "model/codec.h"
#include "model/words.h"

namespace moln {
namespace {

constexpr std::string_view k_server_said = "the server reported the following error:";
constexpr std::string_view k_problem_types = "urn:ietf:params:acme:error:";
constexpr std::string_view k_no_account = "no account associated with ";
constexpr std::string_view k_prefix = "uacme: ";

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        const auto end = text.find(separator);
        if (end != 0) parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 1);
    }
    return parts;
}

// One line of bounded length: what comes from an authority goes to terminals and events.
std::string tidy(std::string_view words) {
    std::string text = valid_utf8(words);
    for (char& c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
    }
    if (text.size() > k_acme_reason_bytes_max) {
        text = valid_utf8(text.substr(0, k_acme_reason_bytes_max)) + "…";
    }
    return text;
}

// From the first brace to the line that closes it, as uacme prints it.
std::string_view object_at(std::string_view text) {
    const auto begin = text.find('{');
    if (begin == std::string_view::npos) return {};
    const auto end = text.find("\n}", begin);
    return text.substr(begin, end == std::string_view::npos ? end : end + 2 - begin);
}

std::string text_field(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

// "connection: Fetching http://… refused"
std::string problem_words(std::string_view text) {
    const auto value = parse_json(text);
    if (!value || !value->is_object()) return "";
    const auto& problem = value->get_object();
    auto type = text_field(problem, "type");
    if (type.starts_with(k_problem_types)) type.erase(0, k_problem_types.size());
    const auto detail = text_field(problem, "detail");
    return type.empty() || detail.empty() ? type + detail : fmt::format("{}: {}", type, detail);
}

}  // namespace

std::optional<OfferedChallenge> offered_challenge(std::string_view line) {
    const auto words = split(line, ' ');
    if (words.size() != 4 || words[0] != k_offer_word) return std::nullopt;
    return OfferedChallenge{std::string(words[1]), std::string(words[2]), std::string(words[3])};
}

bool account_exists(std::string_view output) {
    return output.find("Account already exists") != std::string_view::npos;
}

std::string failure_reason(std::string_view output) {
    if (const auto said = output.rfind(k_server_said); said != std::string_view::npos) {
        const auto words = problem_words(object_at(output.substr(said)));
        if (!words.empty()) return tidy(words);
    }
    // Of RFC 8555, 6.7; uacme says it in words of its own.
    if (output.find(k_no_account) != std::string_view::npos) {
        return "accountDoesNotExist: the authority knows no such account any more";
    }
    // The transfer that failed says more than that the whole did.
    std::string_view last;
    std::string_view transfer;
    for (auto line : split(output, '\n')) {
        if (!line.starts_with(k_prefix)) continue;
        line.remove_prefix(k_prefix.size());
        last = line;
        if (line.starts_with("curl_") && line.find(" failed: ") != std::string_view::npos) {
            transfer = line.substr(line.find(": ") + 2);
        }
    }
    if (!transfer.empty()) return tidy(transfer);
    return last.empty() ? "uacme gave no reason" : tidy(last);
}

}  // namespace moln
