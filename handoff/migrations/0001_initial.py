from django.conf import settings
from django.db import migrations, models
import django.db.models.deletion
import leads.models.user
import uuid


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('leads', '0001_initial'),
        ('scoring', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Attempt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('channel', models.CharField(choices=[('call', 'Call'), ('mail', 'Mail'), ('message', 'Message'), ('meeting', 'Meeting')], max_length=8)),
                ('result', models.CharField(choices=[('reached', 'Reached'), ('left_message', 'Left a message'), ('no_answer', 'No answer')], max_length=12)),
                ('note', models.CharField(blank=True, default='', max_length=500)),
                ('at', models.DateTimeField()),
                ('recorded_at', models.DateTimeField()),
            ],
            options={
                'ordering': ('at', 'pk'),
            },
        ),
        migrations.CreateModel(
            name='CalendarDay',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('date', models.DateField()),
                ('intervals', models.JSONField(blank=True, default=list, help_text='Empty: closed.')),
                ('reason', models.CharField(blank=True, default='', max_length=120)),
                ('source', models.CharField(choices=[('manual', 'By hand'), ('holidays', 'Public holidays')], default='manual', max_length=8)),
            ],
            options={
                'ordering': ('calendar_id', 'date'),
            },
        ),
        migrations.CreateModel(
            name='Handoff',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('nth', models.PositiveSmallIntegerField(default=1)),
                ('is_mqo', models.BooleanField(default=False, verbose_name='MQO')),
                ('state', models.CharField(choices=[('queued', 'Waiting for a rep'), ('offered', 'Offered'), ('accepted', 'Accepted'), ('contacted', 'Attempted'), ('converted', 'Converted'), ('rejected', 'Rejected'), ('recycled', 'Recycled'), ('closed', 'Closed')], default='queued', max_length=10)),
                ('version', models.PositiveIntegerField(default=1)),
                ('epoch', models.PositiveIntegerField(default=1, help_text='Raised when an answer is taken back: older messages are void.')),
                ('score', models.IntegerField(default=0)),
                ('tier', models.SmallIntegerField(blank=True, null=True)),
                ('headline', models.CharField(blank=True, default='', help_text='Why, in one line.', max_length=200)),
                ('queue_reason', models.CharField(blank=True, default='', max_length=200)),
                ('routing', models.JSONField(blank=True, default=dict, help_text='Who could take it, who was skipped and why, what decided.')),
                ('due_at', models.DateTimeField(blank=True, help_text='The next promise due of the person who has it.', null=True)),
                ('opened_at', models.DateTimeField()),
                ('offered_at', models.DateTimeField(blank=True, null=True)),
                ('seen_at', models.DateTimeField(blank=True, null=True)),
                ('answered_at', models.DateTimeField(blank=True, null=True)),
                ('contacted_at', models.DateTimeField(blank=True, help_text='The first attempt, reached or not.', null=True)),
                ('reached_at', models.DateTimeField(blank=True, help_text='The first attempt that reached the person.', null=True)),
                ('converted_at', models.DateTimeField(blank=True, null=True)),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('closed_as', models.CharField(blank=True, default='', max_length=10)),
                ('note', models.TextField(blank=True, default='')),
                ('undo_until', models.DateTimeField(blank=True, null=True)),
                ('moves', models.PositiveSmallIntegerField(default=0, help_text='How often it was reassigned by rule.')),
                ('attempts_made', models.PositiveSmallIntegerField(default=0)),
                ('next_step_on', models.DateField(blank=True, null=True)),
                ('amount', models.DecimalField(blank=True, decimal_places=2, max_digits=14, null=True)),
            ],
            options={
                'verbose_name': 'hand-off',
                'ordering': ('-opened_at', '-pk'),
                'permissions': (('answer_handoff', 'Accept and reject hand-offs'), ('work_handoff', 'Log attempts, convert, win and lose'), ('assign_handoff', 'Reassign hand-offs'), ('review_handoff', 'Review rejections')),
            },
        ),
        migrations.CreateModel(
            name='HandoffEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('verb', models.CharField(max_length=20)),
                ('source', models.CharField(blank=True, default='', max_length=10)),
                ('target', models.CharField(max_length=10)),
                ('at', models.DateTimeField()),
                ('act_id', models.UUIDField(default=uuid.uuid4, editable=False)),
                ('detail', models.JSONField(blank=True, default=dict)),
            ],
            options={
                'ordering': ('at', 'pk'),
            },
        ),
        migrations.CreateModel(
            name='Leave',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField()),
                ('reason', models.CharField(blank=True, default='', max_length=120)),
            ],
            options={
                'verbose_name_plural': 'leave',
                'ordering': ('starts_at',),
            },
        ),
        migrations.CreateModel(
            name='RejectionReview',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('verdict', models.CharField(choices=[('agree', 'Agreed'), ('dispute', 'Disputed'), ('recycle', 'Recycled')], max_length=8)),
                ('note', models.TextField(blank=True, default='')),
                ('return_on', models.DateField(blank=True, null=True)),
                ('at', models.DateTimeField()),
                ('settled_at', models.DateTimeField(blank=True, null=True)),
                ('settled_note', models.TextField(blank=True, default='')),
            ],
        ),
        migrations.CreateModel(
            name='Rep',
            fields=[
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='rep', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('takes_leads', models.BooleanField(default=True, help_text='Switch off to stop new hand-offs; give the reason.')),
                ('off_reason', models.CharField(blank=True, default='', max_length=120)),
                ('open_cap', models.PositiveSmallIntegerField(default=25, help_text='Open hand-offs at most, at any time.')),
                ('weekly_capacity', models.PositiveSmallIntegerField(default=15, help_text='New hand-offs a week.')),
                ('calendar_key', models.SlugField(blank=True, default='', help_text="Own opening hours; empty: the policy's.", max_length=40)),
                ('started_on', models.DateField(blank=True, null=True)),
                ('last_offered_at', models.DateTimeField(blank=True, help_text='Whose turn it is: the longest ago comes first.', null=True)),
            ],
            options={
                'ordering': ('user_id',),
            },
        ),
        migrations.AddField(
            model_name='attempt',
            name='actor',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.CreateModel(
            name='Packet',
            fields=[
                ('handoff', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='packet', serialize=False, to='handoff.handoff')),
                ('content', models.JSONField()),
                ('missing', models.JSONField(blank=True, default=list)),
                ('complete', models.BooleanField(default=False)),
                ('built_at', models.DateTimeField()),
                ('frozen_at', models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.AddField(
            model_name='handoff',
            name='lead',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='handoffs', to='leads.lead'),
        ),
        migrations.AddField(
            model_name='handoff',
            name='owner',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='handoffs', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='handoff',
            name='qualification',
            field=models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='handoff', to='scoring.qualification'),
        ),
        migrations.AddField(
            model_name='handoff',
            name='reason',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='leads.reason'),
        ),
        migrations.AddField(
            model_name='attempt',
            name='handoff',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='attempts', to='handoff.handoff'),
        ),
        migrations.AddField(
            model_name='handoffevent',
            name='actor',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='handoffevent',
            name='handoff',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='events', to='handoff.handoff'),
        ),
        migrations.AddField(
            model_name='rejectionreview',
            name='by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='rejectionreview',
            name='handoff',
            field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='review', to='handoff.handoff'),
        ),
        migrations.AddField(
            model_name='leave',
            name='rep',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='leave', to='handoff.rep'),
        ),
        migrations.CreateModel(
            name='SlaEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('timer_id', models.BigIntegerField()),
                ('handoff_id', models.BigIntegerField()),
                ('epoch', models.PositiveIntegerField()),
                ('step', models.CharField(max_length=40)),
                ('due_at', models.DateTimeField()),
                ('fired_at', models.DateTimeField()),
                ('outcome', models.CharField(choices=[('fired', 'Fired'), ('skipped', 'Skipped'), ('recorded', 'Recorded'), ('withdrawn', 'Withdrawn')], max_length=9)),
                ('actor_id', models.BigIntegerField(blank=True, null=True)),
            ],
            options={
                'ordering': ('fired_at', 'pk'),
                'indexes': [models.Index(fields=['handoff_id', 'fired_at'], name='slaevent_handoff')],
                'constraints': [models.UniqueConstraint(fields=('timer_id', 'epoch', 'step'), name='slaevent_once')],
            },
        ),
        migrations.CreateModel(
            name='SlaPolicy',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.SlugField(max_length=40)),
                ('version', models.PositiveIntegerField(default=1)),
                ('name', models.CharField(max_length=80)),
                ('scope', models.JSONField(blank=True, default=dict, help_text='Which hand-offs: tier, source, product. Empty: all.')),
                ('calendar_key', models.SlugField(default='standard', max_length=40)),
                ('effective_from', models.DateTimeField()),
                ('retired_at', models.DateTimeField(blank=True, null=True)),
                ('reassign_cap', models.PositiveSmallIntegerField(default=2)),
            ],
            options={
                'verbose_name': 'SLA policy',
                'verbose_name_plural': 'SLA policies',
                'ordering': ('key', '-version'),
                'constraints': [models.UniqueConstraint(fields=('key', 'version'), name='slapolicy_version_once')],
            },
        ),
        migrations.AddField(
            model_name='handoff',
            name='policy',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='handoff.slapolicy'),
        ),
        migrations.CreateModel(
            name='SlaTarget',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('offer', 'Offer to a rep'), ('accept', 'Accept or reject'), ('first_contact', 'First attempt'), ('mqo_followup', 'MQO follow-up'), ('review', 'Review of a rejection'), ('dispute', 'Settle a dispute')], max_length=14)),
                ('clock', models.CharField(choices=[('elapsed', 'Elapsed time'), ('business', 'Working time')], default='business', max_length=8)),
                ('duration_us', models.BigIntegerField()),
                ('calendar_from', models.CharField(choices=[('policy', "The policy's"), ('owner', "The owner's")], default='owner', max_length=6)),
                ('pause_cap_us', models.BigIntegerField(blank=True, null=True)),
                ('backdate_us', models.BigIntegerField(default=0)),
                ('policy', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='targets', to='handoff.slapolicy')),
            ],
            options={
                'verbose_name': 'SLA target',
                'ordering': ('policy_id', 'pk'),
            },
        ),
        migrations.CreateModel(
            name='SlaStep',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.SlugField(max_length=40)),
                ('percent', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('after_us', models.BigIntegerField(blank=True, null=True)),
                ('action', models.CharField(choices=[('remind', 'Remind'), ('breach', 'Breach'), ('escalate', 'Tell the manager'), ('reassign', 'Give to another rep'), ('recycle', 'Back to nurture')], max_length=8)),
                ('audience', models.JSONField(default=list, help_text='owner, manager, head, marketing')),
                ('channels', models.JSONField(default=list, help_text='inapp, mail')),
                ('digest_s', models.PositiveIntegerField(default=0)),
                ('urgent', models.BooleanField(default=False)),
                ('target', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='steps', to='handoff.slatarget')),
            ],
            options={
                'verbose_name': 'SLA step',
                'ordering': ('target_id', 'percent', 'after_us'),
            },
        ),
        migrations.CreateModel(
            name='WorkCalendar',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.SlugField(max_length=40)),
                ('version', models.PositiveIntegerField(default=1)),
                ('name', models.CharField(max_length=80)),
                ('zone', models.CharField(max_length=64, validators=[leads.models.user.check_time_zone])),
                ('weekly', models.JSONField(help_text='By weekday 0 (Monday) to 6: intervals in minutes, such as [[540, 1020]].')),
                ('country', models.CharField(blank=True, default='', max_length=2)),
                ('subdivision', models.CharField(blank=True, default='', max_length=10)),
                ('effective_from', models.DateTimeField()),
            ],
            options={
                'ordering': ('key', '-version'),
                'constraints': [models.UniqueConstraint(fields=('key', 'version'), name='workcalendar_version_once')],
            },
        ),
        migrations.CreateModel(
            name='SlaTimer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('offer', 'Offer to a rep'), ('accept', 'Accept or reject'), ('first_contact', 'First attempt'), ('mqo_followup', 'MQO follow-up'), ('review', 'Review of a rejection'), ('dispute', 'Settle a dispute')], max_length=14)),
                ('state', models.CharField(choices=[('running', 'Running'), ('paused', 'Paused'), ('met', 'Met'), ('cancelled', 'Cancelled')], default='running', max_length=9)),
                ('epoch', models.PositiveIntegerField(default=1)),
                ('target_us', models.BigIntegerField()),
                ('consumed_us', models.BigIntegerField(default=0)),
                ('started_at', models.DateTimeField()),
                ('running_since', models.DateTimeField(blank=True, null=True)),
                ('due_at', models.DateTimeField()),
                ('plan', models.JSONField(default=list)),
                ('next_fire_at', models.DateTimeField(blank=True, null=True)),
                ('met_at', models.DateTimeField(blank=True, null=True)),
                ('paused_until', models.DateTimeField(blank=True, help_text='When a hold ends by itself.', null=True)),
                ('pause_reason', models.CharField(blank=True, default='', max_length=120)),
                ('fails', models.PositiveSmallIntegerField(default=0)),
                ('last_error', models.TextField(blank=True, default='')),
                ('handoff', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='timers', to='handoff.handoff')),
                ('owner', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('target', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='timers', to='handoff.slatarget')),
                ('calendar', models.ForeignKey(blank=True, db_index=False, help_text='Empty: elapsed time.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='handoff.workcalendar')),
            ],
            options={
                'ordering': ('pk',),
            },
        ),
        migrations.AddField(
            model_name='calendarday',
            name='calendar',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='days', to='handoff.workcalendar'),
        ),
        migrations.AddIndex(
            model_name='leave',
            index=models.Index(fields=['ends_at', 'starts_at'], name='leave_now'),
        ),
        migrations.AddConstraint(
            model_name='leave',
            constraint=models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='leave_ends_after_start'),
        ),
        migrations.AddIndex(
            model_name='handoff',
            index=models.Index(fields=['owner', 'state', 'due_at'], name='handoff_inbox'),
        ),
        migrations.AddIndex(
            model_name='handoff',
            index=models.Index(condition=models.Q(('state', 'queued')), fields=['opened_at', 'id'], name='handoff_queue'),
        ),
        migrations.AddIndex(
            model_name='handoff',
            index=models.Index(condition=models.Q(('state__in', ('rejected', 'recycled'))), fields=['-answered_at', '-id'], name='handoff_rejections'),
        ),
        migrations.AddConstraint(
            model_name='handoff',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ['accepted', 'contacted', 'converted', 'offered', 'queued'])), fields=('lead',), name='handoff_one_open'),
        ),
        migrations.AddConstraint(
            model_name='handoff',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['queued', 'offered', 'accepted', 'contacted', 'converted', 'rejected', 'recycled', 'closed'])), name='handoff_state_known'),
        ),
        migrations.AddConstraint(
            model_name='handoff',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state__in', ('offered', 'accepted', 'contacted', 'converted')), _negated=True), ('owner__isnull', False), _connector='OR'), name='handoff_open_has_owner'),
        ),
        migrations.AddConstraint(
            model_name='handoff',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'queued'), _negated=True), models.Q(('owner__isnull', True), models.Q(('queue_reason', ''), _negated=True)), _connector='OR'), name='handoff_queued_says_why'),
        ),
        migrations.AddConstraint(
            model_name='handoff',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'rejected'), _negated=True), ('reason__isnull', False), _connector='OR'), name='handoff_reject_has_reason'),
        ),
        migrations.AddConstraint(
            model_name='slatarget',
            constraint=models.UniqueConstraint(fields=('policy', 'kind'), name='slatarget_kind_once'),
        ),
        migrations.AddConstraint(
            model_name='slatarget',
            constraint=models.CheckConstraint(condition=models.Q(('duration_us__gt', 0)), name='slatarget_positive'),
        ),
        migrations.AddConstraint(
            model_name='slastep',
            constraint=models.UniqueConstraint(fields=('target', 'code'), name='slastep_code_once'),
        ),
        migrations.AddConstraint(
            model_name='slastep',
            constraint=models.UniqueConstraint(condition=models.Q(('action', 'breach')), fields=('target',), name='slastep_one_breach'),
        ),
        migrations.AddConstraint(
            model_name='slastep',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('after_us__isnull', True), ('percent__range', (1, 100))), models.Q(('after_us__isnull', False), ('percent__isnull', True)), _connector='OR'), name='slastep_percent_or_after'),
        ),
        migrations.AddConstraint(
            model_name='slastep',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('action', 'breach'), _negated=True), ('percent', 100), _connector='OR'), name='slastep_breach_at_due'),
        ),
        migrations.AddIndex(
            model_name='slatimer',
            index=models.Index(condition=models.Q(('next_fire_at__isnull', False)), fields=['next_fire_at', 'id'], name='slatimer_due'),
        ),
        migrations.AddIndex(
            model_name='slatimer',
            index=models.Index(condition=models.Q(('kind', 'accept')), fields=['owner', 'due_at'], name='slatimer_answers'),
        ),
        migrations.AddConstraint(
            model_name='slatimer',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ('running', 'paused'))), fields=('handoff', 'kind'), name='slatimer_one_open'),
        ),
        migrations.AddConstraint(
            model_name='slatimer',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('running_since__isnull', False), ('state', 'running')), models.Q(models.Q(('state', 'running'), _negated=True), ('running_since__isnull', True)), _connector='OR'), name='slatimer_running_since'),
        ),
        migrations.AddConstraint(
            model_name='slatimer',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('paused_until__isnull', False), ('state', 'paused')), models.Q(models.Q(('state', 'paused'), _negated=True), ('paused_until__isnull', True)), _connector='OR'), name='slatimer_paused_until'),
        ),
        migrations.AddConstraint(
            model_name='slatimer',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('met_at__isnull', False), ('state', 'met')), models.Q(models.Q(('state', 'met'), _negated=True), ('met_at__isnull', True)), _connector='OR'), name='slatimer_met_at'),
        ),
        migrations.AddConstraint(
            model_name='slatimer',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('next_fire_at__isnull', True), ('plan', [])), models.Q(models.Q(('plan', []), _negated=True), ('next_fire_at__isnull', False)), _connector='OR'), name='slatimer_armed_by_plan'),
        ),
        migrations.AddConstraint(
            model_name='slatimer',
            constraint=models.CheckConstraint(condition=models.Q(('next_fire_at__isnull', True), ('state__in', ('running', 'paused')), _connector='OR'), name='slatimer_armed_while_open'),
        ),
        migrations.AddConstraint(
            model_name='calendarday',
            constraint=models.UniqueConstraint(fields=('calendar', 'date'), name='calendarday_once'),
        ),
    ]
