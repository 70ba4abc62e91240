/* Analyses one export of Daybook from its SAS transport files. NOT RUN by this project: no SAS was at hand. It is
   the plan of analyse.R and analyse.py in SAS's words; compare its tables with theirs before you trust it.
   Set the two folders; README.md beside this file says what the tables are. */

%let from = /path/to/export;
%let to = /path/to/tables;
%let control = SOC;
%let points = 10;
%let visits = 'W6' 'W12' 'W24' 'W36'; /* planned visits that all of every arm have, after the baseline */

%macro read(name);
  libname daybook xport "&from./&name..xpt" access=readonly;
  data &name; set daybook.&name; run;
  libname daybook clear;
%mend;
%read(dm) %read(adqs) %read(ice) %read(compl)

/* Completeness as Daybook counted it: rule set 1, late forms do not count. */
proc print data=compl noobs;
  where ruleset = '1' and latefl = 'N';
  var visit armcd npop nexpect nvalid nvalexp availpct complpct;
run;

/* The same, counted from ADQS. */
proc sql;
  create table forms as
    select avisit, usubjid, trtp, max(exp1fl = 'Y') as expected, max(awinfl = 'Y' and aval is not missing) as valid
    from adqs where popfl = 'Y' and (avisit = 'BL' or avisit in (&visits)) group by avisit, usubjid, trtp;
  create table people as
    select armcd as trtp, count(*) as npop from dm where rfstdtc ne '' and rficdtc ne '' group by armcd;
  create table completeness as
    select f.avisit, f.trtp, p.npop, sum(expected) as nexpect, sum(valid) as nvalid,
           sum(expected and valid) as nvalexp, round(100 * calculated nvalid / p.npop, 0.1) as availpct,
           round(100 * calculated nvalexp / calculated nexpect, 0.1) as complpct
    from forms f inner join people p on f.trtp = p.trtp group by f.avisit, f.trtp, p.npop;
quit;

data analysed;
  set adqs;
  where anl01fl = 'Y' and popfl = 'Y' and trtp ne '' and (avisit = 'BL' or avisit in (&visits));
run;

/* Mean change by visit with its 95 % confidence interval. */
proc means data=analysed n mean std clm alpha=0.05 nway;
  where chg is not missing;
  class paramcd avisitn avisit trtp;
  var chg;
  ods output summary=change;
run;

/* Time to deterioration: 0 censored, 1 deteriorated, 2 died. Day 1 is the randomisation. */
proc sql;
  create table events as
    select b.paramcd, b.usubjid, b.trtp,
           min(case when (case when l.better = 'HIGHER' then -l.chg else l.chg end) >= &points
                    and l.chg is not missing then l.ady end) as worse,
           max(case when l.chg is not missing then l.ady end) as last,
           max(d.icedy) as death
    from analysed b
      left join analysed l on l.usubjid = b.usubjid and l.paramcd = b.paramcd
      left join ice d on d.usubjid = b.usubjid and d.icecd = 'death' and d.icedy is not missing
    where b.ablfl = 'Y' group by b.paramcd, b.usubjid, b.trtp;
quit;
data events;
  set events;
  if worse > . then do; day = worse; competing = 1; end;
  else if death > . then do; day = death; competing = 2; end;
  else do; day = coalesce(last, 1); competing = 0; end;
  composite = min(competing, 1);
run;
proc sort data=events; by paramcd; run;

/* Estimand DEATH COMPETES: share deteriorated by Aalen and Johansen; cause-specific hazards. */
proc lifetest data=events outcif=curves;
  by paramcd;
  time day * competing(0) / eventcode=1;
  strata trtp;
run;
proc phreg data=events;
  by paramcd;
  class trtp(ref="&control") / param=ref;
  model day * competing(0, 2) = trtp / ties=efron rl;
run;

/* Estimand DEATH IS AN EVENT. */
proc lifetest data=events outsurv=survival;
  by paramcd;
  time day * composite(0);
  strata trtp;
run;
proc phreg data=events;
  by paramcd;
  class trtp(ref="&control") / param=ref;
  model day * composite(0) = trtp / ties=efron rl;
run;

/* Repeated measures: any covariance within a person. For the numbers of R and Python take ddfm=none; for a
   report Kenward and Roger's degrees of freedom, which those do not have. */
proc sort data=analysed out=changes; by paramcd usubjid avisitn; where chg is not missing; run;
proc mixed data=changes method=reml;
  by paramcd;
  where paramcd in ('C30QL2' 'C30PF2' 'C30FA');
  class usubjid avisit trtp(ref="&control");
  model chg = avisit avisit*base avisit*trtp / noint solution ddfm=kr;
  repeated avisit / subject=usubjid type=un;
  lsmeans avisit*trtp / cl diff; /* at the mean baseline of the records: R and Python take one record a person */
run;
