// Every problem that a sheet or a clients' file can have, and what to do. No text names what stands in a cell: cells
// are personal data. A test holds the texts to their placeholders.
#ifndef POLKU_ADAPTERS_CSV_PROBLEM_TEXTS_H_
#define POLKU_ADAPTERS_CSV_PROBLEM_TEXTS_H_

#include "adapters/csv/texts.h"

namespace polku::csv::says {

// ---- Places ----
inline constexpr Texts kAtLine = {"rivi {}: {}", "rad {}: {}", "line {}: {}"};
inline constexpr Texts kAtCell = {"rivi {}, sarake {}: {}", "rad {}, kolumn {}: {}", "line {}, column {}: {}"};

// ---- The file ----
inline constexpr Texts kSaveAsUtf8 = {
    "; tallenna uudelleen muodossa \"CSV UTF-8\" (Excel: Tallenna nimellä, tiedostotyyppi CSV UTF-8; LibreOffice: "
    "Tallenna nimellä, Teksti CSV, merkistö Unicode (UTF-8))",
    "; spara på nytt som \"CSV UTF-8\" (Excel: Spara som, filformat CSV UTF-8; LibreOffice: Spara som, Text CSV, "
    "teckenuppsättning Unicode (UTF-8))",
    "; save it again as \"CSV UTF-8\" (Excel: Save As, file type CSV UTF-8; LibreOffice: Save As, Text CSV, character "
    "set Unicode (UTF-8))"};
inline constexpr Texts kUtf16 = {"tiedosto on UTF-16 (\"Unicode-teksti\"), ei UTF-8{}",
                                 "filen är UTF-16 (\"Unicode-text\"), inte UTF-8{}",
                                 "the file is UTF-16 (\"Unicode text\"), not UTF-8{}"};
inline constexpr Texts kWorkbook = {"tiedosto on työkirja (xlsx, ods tai xls), ei CSV{}",
                                    "filen är en arbetsbok (xlsx, ods eller xls), inte CSV{}",
                                    "the file is a workbook (xlsx, ods or xls), not CSV{}"};
inline constexpr Texts kZeroByte = {"nollatavu: tiedosto on UTF-16 tai vioittunut, ei UTF-8-tekstiä{}",
                                    "en nollbyte: filen är UTF-16 eller skadad, inte text i UTF-8{}",
                                    "a zero byte: the file is UTF-16 or damaged, not UTF-8 text{}"};
inline constexpr Texts kNotUtf8 = {
    "kirjain ei ole UTF-8: tiedosto on luultavasti Latin-1 (Windows-1252, \"ANSI\"){}",
    "en bokstav är inte UTF-8: filen är troligen Latin-1 (Windows-1252, \"ANSI\"){}",
    "a letter is not UTF-8: the file is probably Latin-1 (Windows-1252, \"ANSI\"){}"};
inline constexpr Texts kTooManyCells = {"yli {} solua; onko tämä oikea tiedosto?",
                                        "över {} celler; är det rätt fil?",
                                        "more than {} cells; is it the right file?"};
inline constexpr Texts kControlCharacter = {"ohjausmerkki; poista se", "ett styrtecken; ta bort det",
                                            "a control character; remove it"};
inline constexpr Texts kAfterQuote = {
    "tekstiä sulkevan lainausmerkin jälkeen; kirjoita solun sisällä lainausmerkki kahdesti",
    "text efter ett avslutande citattecken; skriv ett citattecken inom en cell två gånger",
    "text after a closing quote; write a quote within a cell twice"};
inline constexpr Texts kOpenQuote = {
    "tästä alkaa lainausmerkki, joka ei pääty; tiedosto voi olla katkennut",
    "här börjar ett citattecken som aldrig avslutas; filen kan vara avbruten",
    "a quote opens here and never closes; the file may be cut short"};
inline constexpr Texts kFileTooLarge = {"tiedostossa on yli {} tavua; jaa se", "filen har över {} byte; dela den",
                                        "the file has over {} bytes; split it"};
inline constexpr Texts kEmptyFile = {"tiedosto on tyhjä; ensimmäinen rivi nimeää sarakkeet",
                                     "filen är tom; första raden anger kolumnerna",
                                     "the file is empty; the first row names the columns"};
inline constexpr Texts kRagged = {
    "rivillä on {} solua, otsikossa {}; jokaisella rivillä on oltava solu jokaista saraketta kohti, ja desimaalipilkku "
    "tarvitsee lainausmerkit, kun erottimena on pilkku",
    "raden har {} celler, rubriken {}; varje rad ska ha en cell för varje kolumn, och ett decimalkomma kräver "
    "citattecken när skiljetecknet är komma",
    "the row has {} cells, the header {}; each row needs a cell for each column, and a decimal comma in a file "
    "separated by commas needs quotes"};
inline constexpr Texts kNoLineBreak = {
    "tiedosto päättyy ilman rivinvaihtoa ja voi olla katkennut; jos se on kokonainen, lisää viimeiseen riviin "
    "rivinvaihto tai anna --no-final-line-break",
    "filen slutar utan radbrytning och kan vara avbruten; om den är hel, avsluta sista raden med en radbrytning eller "
    "ange --no-final-line-break",
    "the file ends without a line break and may be cut short; if it is complete, end the last line, or say "
    "--no-final-line-break"};

// ---- Hours, days, codes ----
inline constexpr Texts kHoursHelp = {
    "kirjoita 6, 5,5 tai 5:30: yli 0 ja enintään 24 tuntia, täysinä minuutteina",
    "skriv 6, 5,5 eller 5:30: över 0 och högst 24 timmar, i hela minuter",
    "write 6, 5,5 or 5:30: over 0 and at most 24 hours, in whole minutes"};
inline constexpr Texts kNotHours = {"ei tunteja; {}", "inte timmar; {}", "not hours; {}"};
inline constexpr Texts kNotHoursNorCode = {"ei tunteja eikä koodia; {}", "varken timmar eller en kod; {}",
                                           "not hours and not a code; {}"};
inline constexpr Texts kNotADate = {
    "ei ole olemassa oleva päivä; kirjoita 3.3.2025 tai 2025-03-03, vuosi mukaan",
    "inte ett datum som finns; skriv 3.3.2025 eller 2025-03-03, med år",
    "not a date that exists; write 3.3.2025 or 2025-03-03, with the year"};
inline constexpr Texts kYear = {"vuosi ei ole väliltä 2001–2099", "året är inte mellan 2001 och 2099",
                                "the year is not between 2001 and 2099"};
inline constexpr Texts kWeekday = {"viikonpäivä ei vastaa päivää", "veckodagen hör inte till datumet",
                                   "the weekday does not belong to the date"};
inline constexpr Texts kWithdrawnInWide = {
    "X ottaa merkinnän takaisin; se on korjaus, käytä pitkää muotoa",
    "X tar tillbaka en anteckning; det är en rättelse, använd den långa formen",
    "X takes a record back; that is a correction, use the long form"};
inline constexpr Texts kAfterX = {"X:n jälkeen ei saa olla mitään", "inget får följa efter X", "nothing may follow X"};
inline constexpr Texts kUnknownCode = {"tuntematon koodi; tunnetut: {}", "okänd kod; kända: {}",
                                       "unknown code; known: {}"};
inline constexpr Texts kNoCertificate = {"koodiin {} ei liity todistusta", "till koden {} hör inget intyg",
                                         "{} takes no certificate"};
inline constexpr Texts kNothingAfter = {
    "koodin {} jälkeen saa olla vain +; päivällä on tunnit tai poissaolo, ei molempia",
    "endast + får följa efter {}; en dag har timmar eller frånvaro, inte båda",
    "nothing but + may follow {}; a day has hours or an absence, not both"};
inline constexpr Texts kSwappedDayIs = {"vaihdettu päivä: {}", "den bytta dagen: {}", "the swapped day is {}"};
inline constexpr Texts kHoursAfter = {"koodin {} jälkeen ei ole tunteja; {}", "efter {} står inte timmar; {}",
                                      "the hours after {} are not hours; {}"};

// ---- Columns ----
inline constexpr Texts kColumnTwice = {"sarake {} on jo sarakkeena {}", "kolumnen {} är redan kolumn {}",
                                       "the column {} is already column {}"};
inline constexpr Texts kColumnDayIs = {"sarakkeen päivä: {}", "kolumnens dag: {}", "the day of this column is {}"};
inline constexpr Texts kDayTwice = {"päivä {} on jo sarakkeena {}", "dagen {} är redan kolumn {}",
                                    "the day {} is already column {}"};
inline constexpr Texts kUnknownColumn = {
    "ei päivä eikä tunnettu sarake; poista se tai nimeä se kuten SHEETS.md neuvoo",
    "varken en dag eller en känd kolumn; ta bort den eller namnge den enligt SHEETS.md",
    "neither a day nor a known column; remove it, or name it as SHEETS.md says"};
inline constexpr Texts kNoClientColumn = {
    "mikään sarake ei ole asiakas (klient, client); ensimmäisen rivin on nimettävä sarakkeet",
    "ingen kolumn heter klient (asiakas, client); första raden ska ange kolumnerna",
    "no column is named asiakas (klient, client); the first row must name the columns"};
inline constexpr Texts kBothForms = {
    "sekä päiväsarake että sarake joka päivälle; käytä leveää tai pitkää muotoa",
    "både en datumkolumn och en kolumn för varje dag; använd den breda eller den långa formen",
    "both a date column and a column for each day; use the wide form or the long form"};
inline constexpr Texts kNoDayColumn = {
    "mikään sarake ei ole päivä (3.3.2025) eikä minkään nimi ole päivä; ensimmäisen rivin on nimettävä sarakkeet",
    "ingen kolumn är en dag (3.3.2025) och ingen heter datum; första raden ska ange kolumnerna",
    "no column is a day (3.3.2025) and none is named päivä; the first row must name the columns"};
inline constexpr Texts kNoCodeColumn = {"pitkä muoto tarvitsee sarakkeen koodi tai tunnit",
                                        "den långa formen behöver kolumnen kod eller timmar",
                                        "the long form needs a column koodi or tunnit"};
inline constexpr Texts kCaseColumn = {
    "tapaus kuuluu asiakastiedostoon, ei lomakkeeseen; poista sarake",
    "ärendet hör till klientfilen, inte till blanketten; ta bort kolumnen",
    "the case belongs to the clients' file, not to the sheet; remove the column"};
inline constexpr Texts kLongFormColumn = {"sarake {} kuuluu pitkään muotoon; poista se",
                                          "kolumnen {} hör till den långa formen; ta bort den",
                                          "the column {} belongs to the long form; remove it"};

// ---- Rows ----
inline constexpr Texts kNoClient = {"asiakas puuttuu", "klienten saknas", "the client is missing"};
inline constexpr Texts kUnknownClient = {
    "asiakas ei ole asiakastiedostossa (--clients); lisää hänet sinne tai korjaa viite",
    "klienten finns inte i klientfilen (--clients); lägg till klienten där eller rätta referensen",
    "this client is not in the clients' file (--clients); add it there, or correct the reference"};
inline constexpr Texts kBadPeriod = {"jakso on 1–32 merkkiä a–z, 0–9 ja -", "en period är 1–32 tecken av a–z, 0–9 och -",
                                     "a period is 1 to 32 of a-z, 0-9 and -"};
inline constexpr Texts kBadPlace = {"paikassa on enintään {} tavua", "en plats har högst {} byte",
                                    "a place has at most {} bytes"};
inline constexpr Texts kClientTwice = {
    "asiakkaalla on jo rivi {}; yksi rivi asiakasta ja jaksoa kohti",
    "klienten har redan rad {}; en rad per klient och period",
    "this client already has line {}; one row a client and period"};
inline constexpr Texts kNoDay = {"päivä puuttuu", "dagen saknas", "the day is missing"};
inline constexpr Texts kNothingSaid = {"ei koodia eikä tunteja", "varken kod eller timmar", "neither a code nor hours"};
inline constexpr Texts kHoursTwice = {"tunnit ovat sekä tässä että sarakkeessa koodi",
                                      "timmarna står både här och i kolumnen kod",
                                      "hours stand both here and in the column koodi"};
inline constexpr Texts kHoursAndAbsence = {"tunnit ja poissaolo; päivällä on vain toinen",
                                           "timmar och frånvaro; en dag har det ena",
                                           "hours and an absence; a day has one of them"};
inline constexpr Texts kCertificateCell = {
    "kirjoita x, kun todistus on nähty, muuten jätä tyhjäksi",
    "skriv x när ett intyg har setts, lämna annars tomt",
    "write x when a certificate was seen, else leave it empty"};
inline constexpr Texts kSwapTwice = {"vaihdettu päivä on sekä tässä että sarakkeessa koodi",
                                     "den bytta dagen står både här och i kolumnen kod",
                                     "the swapped day stands both here and in the column koodi"};
inline constexpr Texts kUnknownReason = {"tuntematon syy; tunnetut: {}", "okänd orsak; kända: {}",
                                         "unknown reason; known: {}"};
inline constexpr Texts kLongNote = {"huomautuksessa on enintään {} tavua", "en anmärkning har högst {} byte",
                                    "a note has at most {} bytes"};
inline constexpr Texts kWithdrawnNeedsReason = {
    "X ottaa merkinnän takaisin ja tarvitsee syyn sarakkeeseen korjaus",
    "X tar tillbaka en anteckning och behöver en orsak i kolumnen rättelse",
    "X takes a record back and needs a reason in the column korjaus"};
inline constexpr Texts kWithdrawnNote = {"takaisin otetulla päivällä ei ole huomautusta; poista se",
                                         "en återtagen dag har ingen anmärkning; ta bort den",
                                         "a withdrawn day has no note; remove it"};
inline constexpr Texts kCodeWithoutHours = {
    "{} ilman tunteja; kirjoita ne tai anna suunnitellut tunnit (sarake {} tai --planned-hours)",
    "{} utan timmar; skriv dem eller ange de planerade timmarna (kolumnen {} eller --planned-hours)",
    "{} without hours; write them, or give the planned hours (column {} or --planned-hours)"};
inline constexpr Texts kSwapNeedsDay = {
    "V tarvitsee suunnitellun päivän, jonka tämä korvaa, esim. V 6 5.3.2025",
    "V behöver den planerade dag som denna ersätter, t.ex. V 6 5.3.2025",
    "V needs the planned day that this one replaces, e.g. V 6 5.3.2025"};
inline constexpr Texts kOnlySwapHasDay = {"vain V:llä on vaihdettu päivä", "endast V har en bytt dag",
                                          "only V has a swapped day"};
inline constexpr Texts kSwapOfItself = {"vaihdettu päivä on tämä päivä itse", "den bytta dagen är denna dag själv",
                                        "the swapped day is this day itself"};
inline constexpr Texts kNoSingleRule = {
    "profiilissa ei ole tälle päivälle yhtä sääntöä: {} (absence_classes); korjaa profiili tai jätä --profile pois",
    "profilen har ingen entydig regel för den dagen: {} (absence_classes); rätta profilen eller lämna bort --profile",
    "the profile has no single rule for {} on that day (absence_classes); correct the profile or leave --profile out"};
inline constexpr Texts kDayRecordedTwice = {"asiakkaan päivä on jo rivillä {}", "klientens dag finns redan på rad {}",
                                            "this client's day is already on line {}"};
inline constexpr Texts kNoDays = {"lomakkeessa ei ole yhdenkään asiakkaan päivää",
                                  "blanketten har ingen dag för någon klient",
                                  "the sheet has no day of any client"};
inline constexpr Texts kTooManyDays = {
    "lomakkeessa on {} päivää, yli {}, jotka kirjataan kaikki tai ei mitään; jaa se kuukausittain tai ryhmittäin",
    "blanketten har {} dagar, över de {} som antecknas alla eller ingen; dela den per månad eller grupp",
    "the sheet has {} days, over the {} that are recorded all or nothing; split it by month or by group"};

// ---- The clients' file ----
inline constexpr Texts kNotAClientsColumn = {
    "ei asiakastiedoston sarake; siinä on asiakas ja tapaus",
    "inte en kolumn i klientfilen; den har klient och ärende",
    "not a column of the clients' file; it has asiakas and tapaus"};
inline constexpr Texts kClientsColumns = {"asiakastiedosto tarvitsee sarakkeet asiakas ja tapaus",
                                          "klientfilen behöver kolumnerna klient och ärende",
                                          "the clients' file needs the columns asiakas and tapaus"};
inline constexpr Texts kBadCase = {"tapaus on 32 heksadesimaalinumeroa, ei pelkkiä nollia",
                                   "ett ärende är 32 hexadecimala siffror, inte enbart nollor",
                                   "a case is 32 hexadecimal digits, not all zero"};
inline constexpr Texts kClientOnLine = {"asiakas on jo rivillä {}", "klienten finns redan på rad {}",
                                        "this client is already on line {}"};
inline constexpr Texts kCaseOnLine = {"tapaus on jo rivillä {}", "ärendet finns redan på rad {}",
                                      "this case is already on line {}"};

}  // namespace polku::csv::says

#endif  // POLKU_ADAPTERS_CSV_PROBLEM_TEXTS_H_
