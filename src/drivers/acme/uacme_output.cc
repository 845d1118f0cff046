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
// The last line of a run that the authority gave no words to.
constexpr std::string_view k_step_failed = "failed to ";
constexpr std::string_view k_host_refused = "failed to authorize order";

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

struct Problem {
    std::string type;  // without the prefix of RFC 8555
    std::string detail;
};

// Let's Encrypt's word for too much to do, whoever asks: of no rate of this account's.
bool is_busy(const Problem& problem) {
    return problem.type == "rateLimited" && problem.detail.starts_with("Service busy");
}

// The last that the authority said; empty: none that can be read.
Problem problem_of(std::string_view output) {
    const auto said = output.rfind(k_server_said);
    if (said == std::string_view::npos) return {};
    const auto value = parse_json(object_at(output.substr(said)));
    if (!value || !value->is_object()) return {};
    const auto& object = value->get_object();
    Problem problem{text_field(object, "type"), text_field(object, "detail")};
    if (problem.type.starts_with(k_problem_types)) problem.type.erase(0, k_problem_types.size());
    return problem;
}

// "connection: Fetching http://… refused"
std::string problem_words(const Problem& problem) {
    if (problem.type.empty() || problem.detail.empty()) return problem.type + problem.detail;
    return fmt::format("{}: {}", problem.type, problem.detail);
}

// RFC 8555, 7.3.6: every request of a deactivated account is unauthorized, that for itself the
// first; or it says what the account has become.
bool is_closed(std::string_view output, const Problem& problem) {
    const auto has = [&](std::string_view words) { return output.find(words) != output.npos; };
    if (has("invalid account status (")) return true;
    const bool of_account = has("failed to retrieve account at ") ||
                            has("failed to create account at ") || has("failed to update account ");
    return problem.type == "unauthorized" && of_account;
}

// What uacme said last, without its name.
std::string_view last_line(std::string_view output) {
    std::string_view last;
    for (auto line : split(output, '\n')) {
        if (!line.starts_with(k_prefix)) continue;
        line.remove_prefix(k_prefix.size());
        last = line;
    }
    return last;
}

// "GET https://… failed: Couldn't connect to server"; "": all went well.
std::string_view failed_transfer(std::string_view output) {
    std::string_view transfer;
    for (auto line : split(output, '\n')) {
        if (!line.starts_with(k_prefix)) continue;
        line.remove_prefix(k_prefix.size());
        if (line.starts_with("curl_") && line.find(" failed: ") != std::string_view::npos) {
            transfer = line.substr(line.find(": ") + 2);
        }
    }
    return transfer;
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
    const auto problem = problem_of(output);
    if (is_closed(output, problem)) {
        return tidy(
            "accountDoesNotExist: the authority has closed the account, `moln cert acme "
            "--agree-tos` makes a new one: " +
            problem.detail);
    }
    if (const auto words = problem_words(problem); !words.empty()) return tidy(words);
    // Of RFC 8555, 6.7; uacme says it in words of its own.
    if (output.find(k_no_account) != std::string_view::npos) {
        return "accountDoesNotExist: the authority knows no such account any more";
    }
    // The transfer that failed says more than that the whole did.
    const auto transfer = failed_transfer(output);
    if (!transfer.empty()) return tidy(transfer);
    const auto last = last_line(output);
    return last.empty() ? "uacme gave no reason" : tidy(last);
}

bool is_away(std::string_view output) {
    const auto problem = problem_of(output);
    if (!problem_words(problem).empty()) {
        return problem.type == "serverInternal" || problem.type == "badNonce" || is_busy(problem);
    }
    const auto last = last_line(output);
    return last.starts_with(k_step_failed) && !last.starts_with(k_host_refused);
}

}  // namespace moln
