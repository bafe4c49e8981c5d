// Wall time, by the goldfish real-time clock (Android goldfish virtual hardware document): reading
// the low half of its nanoseconds since 1970 latches the high one. Days become dates by counting in
// years that begin in March, so that the leap day is the last of its year.
#include "guest.h"

#define RTC ((volatile u32 *)WALL_CLOCK_BASE)
#define NS_PER_SECOND 1000000000ul
#define DAY_SECONDS 86400ul
#define DAYS_TO_1970 719468ul // from 1 March of the year 0
#define DAYS_PER_ERA 146097ul // 400 years

u64 wall_seconds(void) {
  u64 low = RTC[0];
  return ((u64)RTC[1] << 32 | low) / NS_PER_SECOND;
}

struct date date_of(u64 seconds) {
  u64 days = seconds / DAY_SECONDS + DAYS_TO_1970;
  u64 of_day = seconds % DAY_SECONDS;
  u64 era = days / DAYS_PER_ERA, of_era = days % DAYS_PER_ERA;
  u64 year = (of_era - of_era / 1460 + of_era / 36524 - of_era / (DAYS_PER_ERA - 1)) / 365;
  u64 of_year = of_era - (365 * year + year / 4 - year / 100);
  u64 march = (5 * of_year + 2) / 153; // months since March
  u64 month = march < 10 ? march + 3 : march - 9;
  return (struct date){
      .year = (u32)(era * 400 + year + (month <= 2)),
      .month = (u32)month,
      .day = (u32)(of_year - (153 * march + 2) / 5 + 1),
      .hour = (u32)(of_day / 3600),
      .minute = (u32)(of_day / 60 % 60),
      .second = (u32)(of_day % 60),
  };
}
