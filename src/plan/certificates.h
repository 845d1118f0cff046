// Certificates in the plan, pure: which host needs one of the local authority's (a public one's:
// plan/acme.h), when it is
// renewed, what the edges are given, and who is told of an end that comes near. Not how one is
// issued: that is ports/certificates.h, and the leader's to call.
#pragma once

#include <string>
#include <vector>

#include "model/certificate.h"
#include "plan/draft.h"
#include "plan/plan.h"

namespace moln::plan {

// Of one plan; the next follows at once.
inline constexpr std::size_t k_issues_at_once_max = 16;
inline constexpr std::size_t k_certificate_changes_at_once_max = 64;
// No timer waits longer for an end or a renewal.
inline constexpr Milliseconds k_certificates_look_interval = minutes(60);
// A machine that has lost its clock gets the time from others in its first minutes.
inline constexpr Milliseconds k_clock_found_max = minutes(10);
inline constexpr Milliseconds k_issue_retry_first = seconds(30);
inline constexpr Milliseconds k_issue_retry_max = minutes(60);

// Whether a request to the route that comes without TLS is sent on.
bool redirects(const RouteSpec& route, const CertificateIndex& certificates);

// Each once, in their order.
std::vector<std::string> hosts_of(const std::vector<EdgeRoute>& routes);

// What the edges get, by id. Every certificate that a person added: a route "*" may need any of
// them, and one that is added before its route is there when the first client comes. Of the
// others those that a route's host needs. Each with the hosts for which it is the best, so that no
// host is named twice and an edge has nothing to choose. One that has ended is given if there is no
// better: a client that warns is better than one that cannot connect.
std::vector<EdgeCertificate> draw_certificates(const CertificateIndex& certificates,
                                               const std::vector<EdgeRoute>& routes);

// `routes` are sorted by host. Tells of certificates that end soon, drops those that nobody added
// by file, that have ended and that no route needs, and returns what is to be issued now: at most
// k_issues_at_once_max, by host.
std::vector<IssueOrder> tend_certificates(Draft& draft, const std::vector<EdgeRoute>& routes);

// A certificate that was issued or renewed, with its event.
Changes issued(const World& world, Certificate certificate, WallTime now);

// When another local authority takes the place of the one before, all that the old one signed is
// due for renewal at once: who trusts the new one alone would refuse it. Until then it serves.
Changes due_for_new_authority(const World& world);

// What is noted of a host after one more failure.
IssuingSeen issue_failed(const IssuingSeen& before, const std::string& reason, MonoTime now);
Event issue_failed_event(const IssueOrder& order, const std::string& reason, WallTime now);

// "shop.example.org and 2 more"
std::string hosts_words(const std::vector<std::string>& hosts);

}  // namespace moln::plan
